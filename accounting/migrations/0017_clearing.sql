-- Clearing an overrun: one person proposes, another confirms, and only then anything moves.
-- All three tables are insert only and sealed.
create type accounting.clearing_way as enum ('charge_grant', 'write_off');

create type accounting.clearing_verdict as enum ('confirmed', 'rejected');

create table accounting.clearing (
    clearing_id uuid        primary key,    -- chosen by the caller: the idempotency key
    grant_id    uuid        not null references accounting.grant_opening,
    gpu_seconds bigint      not null check (gpu_seconds > 0),
    usek        bigint      not null check (usek >= 0),
    how         accounting.clearing_way not null,
    proposed_by uuid        not null,
    proposed_at timestamptz not null,
    constraint clearing_keeps_its_proposer unique (clearing_id, proposed_by)
);
create index clearing_of_grant on accounting.clearing (grant_id);
grant select, insert on accounting.clearing to mimer_app;
grant select on accounting.clearing to mimer_sealer;

create table accounting.clearing_end (
    clearing_id uuid        primary key,
    proposed_by uuid        not null,       -- repeated so that the check can name it
    decided_by  uuid        not null,
    verdict     accounting.clearing_verdict not null,
    decided_at  timestamptz not null,
    foreign key (clearing_id, proposed_by)
        references accounting.clearing (clearing_id, proposed_by),
    constraint clearing_takes_two_people
        check (verdict <> 'confirmed' or decided_by <> proposed_by)
);
grant select, insert on accounting.clearing_end to mimer_app;
grant select on accounting.clearing_end to mimer_sealer;

-- What a grant paid for a run's overrun afterwards: a charge beside the run's own one.
create table accounting.cleared_charge (
    cleared_charge_id   uuid        primary key,
    clearing_id         uuid        not null references accounting.clearing_end,
    run_id              uuid        not null references accounting.run,
    hold_id             uuid        not null references accounting.hold,
    grant_id            uuid        not null references accounting.grant_opening,
    agency_id           uuid        not null,
    project_id          uuid        not null,
    rate_id             uuid        not null references accounting.rate,
    month               date        not null,   -- the first day of the month the run ended in
    gpu_seconds         bigint      not null check (gpu_seconds > 0),
    usek                bigint      not null check (usek >= 0),
    charged_at          timestamptz not null,
    constraint cleared_charge_once_per_run unique (clearing_id, run_id),
    constraint cleared_charge_month_is_a_month check (extract(day from month) = 1)
);
create index cleared_charge_of_grant on accounting.cleared_charge (grant_id);
create index cleared_charge_of_run on accounting.cleared_charge (run_id);
create index cleared_charge_of_agency on accounting.cleared_charge (agency_id, month);
grant select, insert on accounting.cleared_charge to mimer_app;
grant select on accounting.cleared_charge to mimer_sealer;

-- What a grant's overrun is made of, run by run, without a look at all other entries.
create index entry_into_overrun on accounting.entry (to_account_id) where kind = 'overrun';
create index entry_out_of_overrun on accounting.entry (from_account_id)
    where kind in ('cleared', 'written_off');
