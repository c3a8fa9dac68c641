-- Time that a pool grants beyond what it has, planned and with a reason. Insert only, sealed.
create table accounting.over_allocation (
    transfer_id     uuid        primary key,    -- chosen by the caller: the idempotency key
    pool_id         uuid        not null,
    gpu_seconds     bigint      not null check (gpu_seconds > 0),
    allocated_at    timestamptz not null
);
create index over_allocation_of_pool on accounting.over_allocation (pool_id);
grant select, insert on accounting.over_allocation to mimer_app;
grant select on accounting.over_allocation to mimer_sealer;
