-- What a grant was opened with. The foreign key is the second defence of "funds never mix".
create table accounting.grant_opening (
    grant_id    uuid        primary key,
    pool_id     uuid        not null,
    fund_id     uuid        not null,
    gpu_seconds bigint      not null check (gpu_seconds >= 0),
    usek        bigint      not null check (usek >= 0),
    opened_at   timestamptz not null,
    constraint funds_never_mix
        foreign key (pool_id, fund_id) references accounting.pool_fund (pool_id, fund_id)
);
grant select, insert on accounting.grant_opening to mimer_app;
