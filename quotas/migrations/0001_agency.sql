-- Who asks and pays. Facts of this schema are insert-only for the application: what changes is told
-- by a new row, so that every grant can be traced to what was known when it was made.
grant usage on schema quotas to mimer_app, mimer_sealer;

create type quotas.agency_category as enum ('public_body', 'sme', 'academia');

create table quotas.agency (
    agency_id           uuid        primary key,    -- chosen by the client: the idempotency key
    name                text        not null,
    organisation_number text        not null,
    category            quotas.agency_category not null,
    created_at          timestamptz not null,
    constraint agency_has_a_name check (name <> ''),
    constraint agency_number_once unique (organisation_number),
    constraint agency_number_ten_digits check (organisation_number ~ '^[0-9]{10}$')
);
grant select, insert on quotas.agency to mimer_app;
