-- An exception may be about an attempt, and one job may have several of a kind: each start after the
-- first, each edit of a record.
alter table broker.exception
    add column attempt_id   uuid references broker.attempt,
    add column distinction  text not null default '',   -- what tells it from others of its kind and job
    drop constraint exception_found_once,
    add constraint exception_found_once
        unique (kind, cluster, slurm_job_id, submitted_at, distinction);
create index exception_of_attempt on broker.exception (attempt_id, kind);
