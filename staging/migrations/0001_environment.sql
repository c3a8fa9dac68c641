-- Secure processing environments that data may come from: data, not code. One row per environment.
grant usage on schema staging to mimer_app, mimer_sealer;

create type staging.data_class as enum ('open', 'confidential');

create table staging.environment (
    environment_id      uuid        primary key,    -- chosen by the client: the idempotency key
    name                text        not null unique,
    operator            text        not null,       -- who runs it
    host_organisation   text        not null,       -- who answers for it
    sftp_host           text        not null,
    sftp_port           integer     not null check (sftp_port between 1 and 65535),
    sftp_user           text        not null,
    sftp_root           text        not null check (sftp_root like '/%'),
    manifest_key        bytea       not null check (octet_length(manifest_key) = 32),
    data_classes        staging.data_class[] not null check (cardinality(data_classes) > 0),
    created_at          timestamptz not null
);
grant select, insert on staging.environment to mimer_app;
