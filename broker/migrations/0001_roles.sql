-- Who may log in, and as what. One person holds at most one of the roles that must be kept apart
-- (deciding, operating, asking); the code refuses the second.
grant usage on schema broker to mimer_app, mimer_sealer;

create type broker.role as enum ('agency_member', 'decider', 'operator', 'finance', 'controller');

create table broker.person_role (
    person_id   uuid        not null,
    role        broker.role not null,
    agency_id   uuid,               -- the agency of a member; null for the others
    primary key (person_id, role),
    constraint person_role_member_has_agency check ((role = 'agency_member') = (agency_id is not null))
);
grant select, insert, delete on broker.person_role to mimer_app;

-- Access keys and sessions: only digests are kept. Keys are 256 random bits, so a plain digest is safe.
create table broker.access_key (
    digest      bytea       primary key,
    person_id   uuid        not null,
    made_at     timestamptz not null,
    expires_at  timestamptz not null
);
create table broker.session (
    digest      bytea       primary key,
    person_id   uuid        not null,
    made_at     timestamptz not null,
    expires_at  timestamptz not null
);
create table broker.node_token (
    digest      bytea       primary key,
    node        text        not null unique,
    made_at     timestamptz not null
);
grant select, insert, delete on broker.access_key, broker.session, broker.node_token to mimer_app;
