-- A revocation is a row of its own: it cannot be taken back, and the permit stays as it was written.
create table quotas.permit_revocation (
    permit_id   uuid        primary key references quotas.permit,
    revoked_at  timestamptz not null
);
grant select, insert on quotas.permit_revocation to mimer_app;
