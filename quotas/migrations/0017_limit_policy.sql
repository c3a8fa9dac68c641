-- What an agency has decided to do when its use reaches a share of what it was granted. Never
-- changed: the newest version is in force, and one without steps does nothing.
create type quotas.limit_action_kind as enum
    ('warn', 'stop_new', 'lower_qos', 'hold_pending', 'cancel_running');

create table quotas.limit_policy (
    limit_policy_id uuid        primary key,    -- chosen by the client: the idempotency key
    agency_id       uuid        not null references quotas.agency,
    dry_run         boolean     not null,       -- true: told and recorded, not done
    decided_by      uuid        not null,
    decided_at      timestamptz not null,
    version         bigint      not null generated always as identity
);
create index limit_policy_of_agency on quotas.limit_policy (agency_id, version desc);

create table quotas.limit_step (
    limit_policy_id uuid        not null references quotas.limit_policy,
    at_percent      bigint      not null,
    action          quotas.limit_action_kind not null,
    primary key (limit_policy_id, at_percent, action),
    constraint limit_step_at_a_share check (at_percent between 1 and 1000)
);
grant select, insert on quotas.limit_policy, quotas.limit_step to mimer_app;
