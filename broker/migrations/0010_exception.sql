-- What happened on the cluster that should not have: found, stopped, and looked at by a person.
create type broker.exception_kind as enum ('unplanned_job');

create table broker.exception (
    exception_id    uuid        primary key,
    kind            broker.exception_kind not null,
    cluster         text        not null,
    slurm_job_id    bigint      not null,
    submitted_at    timestamptz not null,       -- Slurm may use an id again after years
    facts           jsonb       not null,       -- what Slurm told when it was found
    found_at        timestamptz not null,
    ended_at        timestamptz,                -- when its job was over
    gpu_seconds     bigint,                     -- what it took until then; charged to nobody
    closed_at       timestamptz,
    closed_by       uuid,
    constraint exception_found_once unique (kind, cluster, slurm_job_id, submitted_at),
    constraint exception_end_has_use check ((ended_at is null) = (gpu_seconds is null)),
    constraint exception_use_not_negative check (gpu_seconds >= 0),
    constraint exception_closed_by_somebody check ((closed_at is null) = (closed_by is null))
);
create index exception_open on broker.exception (found_at) where closed_at is null;
grant select, insert, update (ended_at, gpu_seconds, closed_at, closed_by) on broker.exception
    to mimer_app;
