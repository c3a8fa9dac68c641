-- Every start of a script that slurmctld was seen to make. Insert only. Two starts of one job with the
-- same restart count mean that slurmctld died before it saved the first.
create table broker.job_start (
    attempt_id      uuid        not null references broker.attempt,
    slurm_job_id    bigint      not null,       -- of a task, Slurm's own id of it
    started_at      timestamptz not null,
    restart_count   integer     not null check (restart_count >= 0),
    seen_at         timestamptz not null,
    primary key (attempt_id, slurm_job_id, started_at)
);
grant select, insert on broker.job_start to mimer_app;
