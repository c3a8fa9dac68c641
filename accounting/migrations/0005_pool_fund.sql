-- Which fund a pool serves, said once. A pool never serves a second fund.
create table accounting.pool_fund (
    pool_id     uuid        primary key,
    fund_id     uuid        not null,
    bound_at    timestamptz not null,
    constraint pool_keeps_its_fund unique (pool_id, fund_id)
);
grant select, insert on accounting.pool_fund to mimer_app;
