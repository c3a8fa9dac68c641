-- How Slurm is to keep a pool's share, as versions: the newest counts.
create type quotas.share_mode as enum ('none', 'set_aside', 'guaranteed', 'capped');

create table quotas.pool_share (
    pool_share_id   uuid        primary key,    -- chosen by the client: the idempotency key
    pool_id         uuid        not null references quotas.pool,
    version         bigint      not null,
    mode            quotas.share_mode not null,
    nodes           text[],                     -- set aside
    gpus            bigint,                     -- guaranteed, or the cap
    set_by          uuid,
    set_at          timestamptz not null,
    constraint pool_share_version_once unique (pool_id, version),
    constraint pool_share_says_what_it_needs check (
        (mode = 'set_aside') = (nodes is not null)
        and (mode in ('guaranteed', 'capped')) = (gpus is not null)
        and cardinality(nodes) > 0 and gpus > 0
    )
);
grant select, insert on quotas.pool_share to mimer_app;
