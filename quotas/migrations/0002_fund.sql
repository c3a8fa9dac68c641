-- Money with a purpose and an end. The amounts live in the ledger; here stands what it is for.
create type quotas.fund_purpose as enum ('public_sector', 'research');

create table quotas.fund (
    fund_id     uuid        primary key,    -- chosen by the client: the idempotency key
    name        text        not null,
    purpose     quotas.fund_purpose not null,
    ceiling     bigint      not null,       -- µSEK
    valid_from  timestamptz not null,
    valid_until timestamptz not null,
    created_by  uuid,                       -- the operator, who never decides on what it pays for
    created_at  timestamptz not null,
    constraint fund_holds_something check (ceiling > 0),
    constraint fund_window_forward  check (valid_from < valid_until)
);
grant select, insert on quotas.fund to mimer_app;
