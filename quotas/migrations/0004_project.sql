-- Who the work is for. The title is free text and never leaves this table for a sealed one.
create type quotas.data_class as enum ('open', 'confidential');

create table quotas.project (
    project_id              uuid        primary key,    -- chosen by the client: the idempotency key
    agency_id               uuid        not null references quotas.agency,
    slug                    text        not null,
    title                   text        not null,
    data_class              quotas.data_class not null,
    controller_person_id    uuid        not null,
    slurm_account           text        not null,
    created_at              timestamptz not null,
    constraint project_has_a_title       check (title <> ''),
    constraint project_slug_once         unique (slug),
    constraint project_slug_plain        check (slug ~ '^[a-z][a-z0-9-]{0,38}[a-z0-9]$'),
    constraint project_slurm_account_once  unique (slurm_account),
    constraint project_slurm_account_plain check (slurm_account ~ '^[a-z][a-z0-9_-]{1,59}$')
);
create index project_of_agency on quotas.project (agency_id);
grant select, insert on quotas.project to mimer_app;
