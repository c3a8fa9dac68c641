-- What Slurm last told of each task of an array; a single job is told by its attempt alone.
create table broker.task (
    attempt_id      uuid        not null references broker.attempt,
    task_no         integer     not null check (task_no >= 0),
    slurm_job_id    bigint      not null,   -- Slurm's own id of the task
    slurm_state     text        not null,
    started_at      timestamptz,            -- of its last start
    ended_at        timestamptz,
    exit_code       integer,
    restart_count   integer     not null default 0 check (restart_count >= 0),
    primary key (attempt_id, task_no)
);
grant select, insert, update on broker.task to mimer_app;
