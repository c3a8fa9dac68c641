-- Every change of a grant after its opening. Insert only, sealed. The entries say what moved; this
-- says on whose request, so that the same request again can be told from another under its id.
create type accounting.move_kind as enum
    ('top_up', 'give_back', 'expire', 'transfer', 'carry_over');

alter table accounting.grant_opening
    add constraint grant_keeps_its_fund unique (grant_id, fund_id);

create table accounting.grant_move (
    transfer_id     uuid        primary key,    -- chosen by the caller: the idempotency key
    kind            accounting.move_kind not null,
    fund_id         uuid        not null,
    from_grant_id   uuid,                       -- null when fund and pool give
    to_grant_id     uuid,                       -- null when fund and pool take
    gpu_seconds     bigint      not null check (gpu_seconds >= 0),
    usek            bigint      not null check (usek >= 0),
    moved_at        timestamptz not null,
    constraint grant_move_has_its_ends check (
        (from_grant_id is null) = (kind = 'top_up')
        and (to_grant_id is null) = (kind in ('give_back', 'expire'))),
    constraint grant_move_goes_somewhere check (from_grant_id <> to_grant_id),
    -- The second defence of "funds never mix": both ends are grants of this one fund.
    constraint grant_move_leaves_its_fund foreign key (from_grant_id, fund_id)
        references accounting.grant_opening (grant_id, fund_id),
    constraint grant_move_enters_its_fund foreign key (to_grant_id, fund_id)
        references accounting.grant_opening (grant_id, fund_id)
);
create unique index carry_over_once_per_grant on accounting.grant_move (from_grant_id)
    where kind = 'carry_over';
create index grant_move_from on accounting.grant_move (from_grant_id);
create index grant_move_to on accounting.grant_move (to_grant_id);
grant select, insert on accounting.grant_move to mimer_app;
grant select on accounting.grant_move to mimer_sealer;
