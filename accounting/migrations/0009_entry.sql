-- The record: every movement between two accounts of one unit. Insert only, sealed.
create type accounting.entry_kind as enum
    ('opened', 'granted', 'held', 'settled', 'returned', 'overrun');

create table accounting.entry (
    entry_id        uuid        primary key,
    transfer_id     uuid        not null,   -- the fund, pool, grant, hold or run that moved it
    kind            accounting.entry_kind not null,
    unit            accounting.unit not null,
    from_account_id uuid        not null,
    to_account_id   uuid        not null,
    amount          bigint      not null,
    hold_id         uuid        references accounting.hold,
    run_id          uuid        references accounting.run,
    corrects        uuid        references accounting.entry,
    at              timestamptz not null,
    trace_id        uuid        not null,
    foreign key (from_account_id, unit) references accounting.account (account_id, unit),
    foreign key (to_account_id, unit)   references accounting.account (account_id, unit),
    constraint entry_moves_something check (amount > 0),
    constraint entry_goes_somewhere  check (from_account_id <> to_account_id)
);
create index entry_of_transfer on accounting.entry (transfer_id);
create index entry_of_hold on accounting.entry (hold_id) where hold_id is not null;
grant select, insert on accounting.entry to mimer_app;
grant select on accounting.entry to mimer_sealer;
