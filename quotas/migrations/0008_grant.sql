-- What a decision gave. Never changed; the amounts move in the ledger under the same id.
create table quotas.grant (
    grant_id        uuid        primary key,    -- chosen by the client: the idempotency key
    decision_id     uuid        not null references quotas.decision,
    project_id      uuid        not null references quotas.project,
    pool_id         uuid        not null references quotas.pool,
    gpu_seconds     bigint      not null,
    usek            bigint      not null,
    valid_from      timestamptz not null,
    valid_until     timestamptz not null,
    max_wall_time_s bigint      not null,
    max_gpus        bigint      not null,
    granted_at      timestamptz not null,
    constraint grant_once_per_decision unique (decision_id),
    constraint grant_gives_something
        check (gpu_seconds > 0 and usek > 0 and max_wall_time_s > 0 and max_gpus > 0),
    constraint grant_window_forward check (valid_from < valid_until)
);
create index grant_of_project on quotas.grant (project_id, valid_until);
create index grant_of_pool on quotas.grant (pool_id);
grant select, insert on quotas.grant to mimer_app;
