-- What an authority permitted, copied from its decision. A permit never changes here; a renewal is
-- a new permit.
create table quotas.permit (
    permit_id           uuid        primary key,    -- chosen by the client: the idempotency key
    project_id          uuid        not null references quotas.project,
    issuer              text        not null,
    reference           text        not null,
    purpose             text        not null,
    datasets            text[]      not null,
    person_ids          uuid[]      not null,
    environment_names   text[]      not null,
    valid_from          timestamptz not null,
    valid_until         timestamptz not null,
    grace_s             bigint      not null,
    recorded_at         timestamptz not null,
    constraint permit_is_complete check (
        issuer <> '' and reference <> '' and purpose <> '' and cardinality(datasets) > 0
        and cardinality(person_ids) > 0 and cardinality(environment_names) > 0
    ),
    constraint permit_window_forward     check (valid_from < valid_until),
    constraint permit_grace_not_negative check (grace_s >= 0)
);
create index permit_of_project on quotas.permit (project_id);
grant select, insert on quotas.permit to mimer_app;
