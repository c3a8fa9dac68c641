-- The accounts of the ledger. One unit each, so that no movement can turn time into money.
create type accounting.unit as enum ('gpu_seconds', 'micro_sek');

create type accounting.account_kind as enum
    ('supply', 'fund', 'pool', 'free', 'held', 'settled', 'uncovered', 'overrun');

create table accounting.account (
    account_id  uuid        primary key,
    owner_id    uuid        not null,   -- the fund, pool or grant
    kind        accounting.account_kind not null,
    unit        accounting.unit not null,
    opened_at   timestamptz not null,
    constraint account_once_per_owner unique (owner_id, kind, unit),
    constraint account_keeps_its_unit unique (account_id, unit),
    constraint account_keeps_its_kind unique (account_id, kind)
);
grant select, insert on accounting.account to mimer_app;
