-- The most of a pool that one agency may have granted, as versions: the newest counts.
create table quotas.agency_share (
    agency_share_id uuid        primary key,    -- chosen by the client: the idempotency key
    pool_id         uuid        not null references quotas.pool,
    agency_id       uuid        not null references quotas.agency,
    version         bigint      not null,
    gpu_seconds     bigint      not null,
    set_by          uuid,
    set_at          timestamptz not null,
    constraint agency_share_version_once unique (pool_id, agency_id, version),
    constraint agency_share_not_negative check (gpu_seconds >= 0)
);
grant select, insert on quotas.agency_share to mimer_app;
