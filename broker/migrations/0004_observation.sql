-- Facts read from Slurm and from the nodes, stored raw. Insert only.
create table broker.observation (
    observation_id  uuid        primary key,
    source          text        not null,       -- 'slurmctld' or 'slurmdbd'
    cluster         text        not null,
    slurm_job_id    bigint      not null,
    digest          bytea       not null,       -- of the body: an unchanged record is kept once
    body            jsonb       not null,
    observed_at     timestamptz not null,
    constraint observation_kept_once unique (source, cluster, slurm_job_id, digest)
);
grant select, insert on broker.observation to mimer_app;

-- Which GPU an attempt held, by slurmctld's own detail at start.
create table broker.assignment (
    attempt_id  uuid        not null references broker.attempt,
    node        text        not null,
    gpu_minor   integer     not null,
    from_at     timestamptz not null,
    until_at    timestamptz,
    primary key (attempt_id, node, gpu_minor)
);
create index assignment_on_gpu on broker.assignment (node, gpu_minor, from_at);
grant select, insert, update on broker.assignment to mimer_app;

-- Metered use, as the agents sent it. `missing` readings are null with their reason in `reasons`.
create table broker.segment (
    node                text        not null,
    stream_id           uuid        not null,
    seq                 bigint      not null,
    boot_id             uuid        not null,
    gpu_uuid            text        not null,
    gpu_minor           integer     not null,
    gpu_name            text        not null,
    started_at          timestamptz not null,
    ended_at            timestamptz not null,
    duration_ms         bigint      not null,
    energy_mj           bigint,
    utilization_pct_ms  bigint,
    memory_max_mib      bigint,
    process_count       bigint,
    samples_got         integer     not null,
    samples_expected    integer     not null,
    simulated           boolean     not null,
    reasons             jsonb       not null,
    digest              bytea       not null,
    primary key (node, stream_id, seq)
);
create index segment_on_gpu on broker.segment (node, gpu_minor, started_at);
grant select, insert on broker.segment to mimer_app;

create table broker.segment_mark (
    node        text    not null,
    stream_id   uuid    not null,
    through_seq bigint  not null,
    primary key (node, stream_id)
);
grant select, insert, update on broker.segment_mark to mimer_app;
