-- Each try to fetch a link, told once when it ended. Insert only, sealed. No names of files here.
create type staging.transfer_outcome as enum ('verified', 'quarantined', 'stopped', 'failed');

create table staging.transfer (
    transfer_id     uuid        primary key,
    link_id         uuid        not null references staging.link,
    outcome         staging.transfer_outcome not null,
    reason          text,                       -- stable code; null when verified
    manifest_sha256 bytea       check (octet_length(manifest_sha256) = 32),
    fetched_bytes   bigint      not null check (fetched_bytes >= 0),
    kept_bytes      bigint      not null check (kept_bytes >= 0),
    batch_count     bigint      not null check (batch_count >= 0),
    at              timestamptz not null,
    trace_id        uuid        not null,
    constraint transfer_unverified_for_a_named_reason
        check ((outcome = 'verified') = (reason is null)),
    constraint transfer_verified_against_a_named_manifest
        check (outcome <> 'verified' or manifest_sha256 is not null)
);
create index transfer_of_link on staging.transfer (link_id);
grant select, insert on staging.transfer to mimer_app;
grant select on staging.transfer to mimer_sealer;
