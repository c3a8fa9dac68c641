-- What may name a person: names of files, and what the client said. Erasable, never sealed.
create table staging.staged_file (
    transfer_id uuid        not null references staging.transfer,
    file_no     bigint      not null check (file_no >= 0),
    path        text,
    size_bytes  bigint      not null check (size_bytes >= 0),
    sha256      bytea       not null check (octet_length(sha256) = 32),
    erased_at   timestamptz,
    primary key (transfer_id, file_no),
    constraint staged_file_erased_leaves_no_name check ((erased_at is null) = (path is not null))
);

create table staging.fault (
    transfer_id uuid        not null references staging.transfer,
    fault_no    bigint      not null check (fault_no >= 0),
    code        text        not null,
    chunk_no    bigint      check (chunk_no >= 0),
    path        text,
    message     text,
    erased_at   timestamptz,
    primary key (transfer_id, fault_no),
    constraint fault_erased_leaves_no_name
        check (erased_at is null or (path is null and message is null))
);

-- For the operator's eyes only.
create table staging.transfer_note (
    transfer_id uuid        primary key references staging.transfer,
    body        text,
    erased_at   timestamptz,
    constraint transfer_note_erased_leaves_no_text check (erased_at is null or body is null)
);
grant select, insert, update on staging.staged_file, staging.fault, staging.transfer_note to mimer_app;
