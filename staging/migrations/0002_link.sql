-- A staging link: one permitted dataset, one project, one direction. The row carries the present
-- state; how it came there is in the audit trail and in staging.transfer.
create type staging.direction as enum ('in');
create type staging.link_state as enum
    ('open', 'fetching', 'verified', 'quarantined', 'failed', 'revoked');

create table staging.link (
    link_id         uuid        primary key,    -- chosen by the client: the idempotency key
    project_id      uuid        not null,
    permit_id       uuid        not null,
    dataset         text        not null,
    environment_id  uuid        not null references staging.environment,
    direction       staging.direction not null,
    source_path     text        not null,       -- below the environment's root; may be personal
    area            text        not null check (area like '/%'),
    allowed_types   text[]      not null check (cardinality(allowed_types) > 0),
    max_bytes       bigint      not null check (max_bytes > 0),
    person_id       uuid        not null,
    opened_at       timestamptz not null,
    state           staging.link_state not null,
    state_at        timestamptz not null,
    transfer_id     uuid,                       -- the try that is running or that decided
    code            text,                       -- why it is quarantined or failed
    manifest_sha256 bytea       check (octet_length(manifest_sha256) = 32),
    file_count      bigint      check (file_count >= 0),
    size_bytes      bigint      check (size_bytes >= 0),
    constraint link_moved_by_a_named_transfer
        check (state in ('open', 'revoked') or transfer_id is not null),
    constraint link_broken_for_a_named_reason
        check (state not in ('quarantined', 'failed') or code is not null),
    constraint link_verified_against_a_named_manifest
        check (state <> 'verified'
            or (manifest_sha256 is not null and file_count is not null and size_bytes is not null))
);
create index link_of_project on staging.link (project_id);
create index link_of_permit on staging.link (permit_id);
-- Two links never fill one area. A link that can move no more gives its area up.
create unique index link_area_has_one_owner on staging.link (area)
    where state not in ('quarantined', 'revoked');
grant select, insert, update on staging.link to mimer_app;
