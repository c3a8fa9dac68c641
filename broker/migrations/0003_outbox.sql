-- Effects on the outside world: written in the transaction that wants them, carried out after it
-- commits. Every effect may be carried out twice without harm.
create table broker.outbox (
    outbox_id   uuid        primary key,
    effect      jsonb       not null,
    trace_id    uuid        not null,
    tries       integer     not null default 0,
    next_at     timestamptz not null,
    last_error  text,
    done_at     timestamptz,
    gave_up_at  timestamptz     -- a dead letter: shown to the operator, who can retry it
);
create index outbox_due on broker.outbox (next_at) where done_at is null and gave_up_at is null;
grant select, insert, update on broker.outbox to mimer_app;
