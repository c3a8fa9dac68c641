-- What happened to a grant after it was given. The grant itself stays as it was decided; the amounts
-- move in the ledger under the change's id.
create type quotas.change_kind as enum
    ('topped_up', 'given_back', 'transferred', 'carried_over', 'superseded', 'expired');

create table quotas.grant_change (
    change_id       uuid        primary key,    -- chosen by the client: the idempotency key
    kind            quotas.change_kind not null,
    grant_id        uuid        not null references quotas.grant,
    other_grant_id  uuid        references quotas.grant,    -- where it went, or what came instead
    gpu_seconds     bigint      not null,
    usek            bigint      not null,
    decided_by      uuid,                       -- nobody decides on giving back and on expiry
    changed_at      timestamptz not null,
    constraint grant_change_not_negative check (gpu_seconds >= 0 and usek >= 0),
    constraint grant_change_moves_something
        check (kind in ('superseded', 'expired') or gpu_seconds > 0 or usek > 0),
    constraint grant_change_between_two check (
        (kind in ('transferred', 'carried_over', 'superseded')) = (other_grant_id is not null)
        and other_grant_id <> grant_id
    ),
    constraint grant_change_is_decided
        check ((kind in ('given_back', 'expired')) = (decided_by is null))
);
create index grant_change_of_grant on quotas.grant_change (grant_id);
create index grant_change_of_other_grant on quotas.grant_change (other_grant_id);
create unique index grant_carried_over_once
    on quotas.grant_change (grant_id) where kind = 'carried_over';
create unique index grant_superseded_once
    on quotas.grant_change (grant_id) where kind = 'superseded';
grant select, insert on quotas.grant_change to mimer_app;
