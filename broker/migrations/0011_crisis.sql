-- Crisis mode: projects that go first for a while. Proposed by one person and confirmed by another;
-- the reason is in the audit trail, where it can be erased.
create table broker.crisis (
    crisis_id       uuid        primary key,    -- chosen by the client: the idempotency key
    project_ids     uuid[]      not null,
    ends_at         timestamptz not null,
    proposed_by     uuid        not null,
    proposed_at     timestamptz not null,
    confirmed_by    uuid,
    confirmed_at    timestamptz,
    ended_at        timestamptz,                -- by itself at its time, or by a person before
    ended_by        uuid,                       -- null: by itself
    constraint crisis_names_projects check (cardinality(project_ids) > 0),
    constraint crisis_window_forward check (proposed_at < ends_at),
    constraint crisis_takes_two check (confirmed_by <> proposed_by),
    constraint crisis_confirmed_by_somebody check ((confirmed_by is null) = (confirmed_at is null)),
    constraint crisis_confirmed_in_time check (confirmed_at < ends_at),
    constraint crisis_ended_by_somebody check (ended_by is null or ended_at is not null)
);
create index crisis_running on broker.crisis (ends_at) where ended_at is null;
grant select, insert, update (confirmed_by, confirmed_at, ended_at, ended_by) on broker.crisis
    to mimer_app;

-- The runs that made way while a crisis lasted, as slurmdbd told of them. Insert only.
create table broker.crisis_victim (
    crisis_id       uuid        not null references broker.crisis,
    cluster         text        not null,
    db_index        bigint      not null,
    slurm_job_id    bigint      not null,
    account         text        not null,
    attempt_id      uuid        references broker.attempt,  -- null: not the broker's job
    started_at      timestamptz not null,
    ended_at        timestamptz not null,
    gpu_seconds     bigint      not null check (gpu_seconds >= 0),
    body            jsonb       not null,
    primary key (crisis_id, cluster, db_index)
);
grant select, insert on broker.crisis_victim to mimer_app;
