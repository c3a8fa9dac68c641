-- What a fund has of one class on one cluster, and the Slurm names it maps to.
create table quotas.pool (
    pool_id         uuid        primary key,    -- chosen by the client: the idempotency key
    fund_id         uuid        not null references quotas.fund,
    cluster         text        not null,
    class           text        not null,
    gpu_type        text        not null,
    gpus_per_node   bigint      not null,
    partition       text        not null,
    gpu_seconds     bigint      not null,
    valid_from      timestamptz not null,
    valid_until     timestamptz not null,
    opens_at        timestamptz,                -- the environment's opening day, where it is ahead
    created_by      uuid,                       -- the operator, who never decides on what it gives
    created_at      timestamptz not null,
    constraint pool_holds_something check (gpu_seconds > 0 and gpus_per_node > 0),
    constraint pool_window_forward  check (valid_from < valid_until),
    constraint pool_has_names
        check (cluster <> '' and class <> '' and gpu_type <> '' and partition <> '')
);
create index pool_of_fund on quotas.pool (fund_id);
grant select, insert on quotas.pool to mimer_app;
