-- The chunk ledger: every chunk that was hashed here, right or wrong. Insert only, sealed.
create type staging.chunk_origin as enum ('fetched', 'kept');
create type staging.chunk_verdict as enum ('verified', 'wrong');

create table staging.chunk (
    chunk_id    uuid    primary key,
    transfer_id uuid    not null references staging.transfer,
    file_no     bigint  not null check (file_no >= 0),      -- position in the manifest
    chunk_no    bigint  not null check (chunk_no >= 0),     -- position in the file
    size_bytes  bigint  not null check (size_bytes >= 0),
    sha256      bytea   not null check (octet_length(sha256) = 32),
    origin      staging.chunk_origin  not null,
    verdict     staging.chunk_verdict not null,
    at          timestamptz not null
);
create index chunk_of_transfer on staging.chunk (transfer_id);
grant select, insert on staging.chunk to mimer_app;
grant select on staging.chunk to mimer_sealer;
