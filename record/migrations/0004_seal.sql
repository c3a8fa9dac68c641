-- One seal for every sealed row, in a hash chain. PostgreSQL gives no commit order, so the order of
-- the chain is the sealer's own; writers never wait for it.
create table record.seal (
    seal_no     bigint      primary key check (seal_no > 0),
    sealed_at   timestamptz not null,
    table_name  text        not null,
    row_id      uuid        not null,
    row_digest  bytea       not null,
    previous    bytea       not null,
    digest      bytea       not null,
    constraint seal_once_per_row unique (table_name, row_id)
);
grant select on record.seal to mimer_app;
grant select, insert on record.seal to mimer_sealer;
