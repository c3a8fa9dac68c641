-- What each grant paid for each run. Insert only, sealed.
create table accounting.charge (
    charge_id   uuid        primary key,
    run_id      uuid        not null references accounting.run,
    hold_id     uuid        not null references accounting.hold,
    grant_id    uuid        not null references accounting.grant_opening,
    agency_id   uuid        not null,
    project_id  uuid        not null,
    rate_id     uuid        not null references accounting.rate,
    month       date        not null,   -- the first day of the month the run ended in
    gpu_seconds bigint      not null check (gpu_seconds > 0),
    usek        bigint      not null check (usek >= 0),
    charged_at  timestamptz not null,
    constraint charge_once_per_run_and_grant unique (run_id, grant_id),
    constraint charge_month_is_a_month check (extract(day from month) = 1)
);
create index charge_of_hold on accounting.charge (hold_id);
create index charge_of_agency on accounting.charge (agency_id, month);
create index charge_of_project on accounting.charge (project_id, month);
grant select, insert on accounting.charge to mimer_app;
grant select on accounting.charge to mimer_sealer;
