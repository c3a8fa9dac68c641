-- What each account holds now: a projection of the entries, kept so that it can be locked and
-- checked. The checks are the second defence: they hold even if the code forgets the row lock.
create table accounting.balance (
    account_id  uuid    primary key,
    kind        accounting.account_kind not null,   -- repeated so that the checks can name it
    amount      bigint  not null default 0,
    foreign key (account_id, kind) references accounting.account (account_id, kind),
    -- Granted = free + held + settled, so this is held + settled <= granted.
    constraint grant_never_oversold         check (kind <> 'free'      or amount >= 0),
    constraint held_never_negative          check (kind <> 'held'      or amount >= 0),
    constraint settled_never_negative       check (kind <> 'settled'   or amount >= 0),
    constraint overrun_never_negative       check (kind <> 'overrun'   or amount >= 0),
    constraint fund_never_overgranted       check (kind <> 'fund'      or amount >= 0),
    constraint pool_never_overgranted       check (kind <> 'pool'      or amount >= 0),
    constraint supply_only_gives            check (kind <> 'supply'    or amount <= 0),
    constraint uncovered_only_gives         check (kind <> 'uncovered' or amount <= 0)
);
grant select, insert, update (amount) on accounting.balance to mimer_app;
