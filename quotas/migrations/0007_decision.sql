-- One decision per request, with the points by each published criterion. The motivation is the
-- reason in the audit trail, where it can be erased.
create type quotas.outcome as enum ('approved', 'rejected');
create type quotas.criterion as enum ('societal_benefit', 'security', 'need', 'feasibility');

create table quotas.decision (
    decision_id     uuid        primary key,    -- chosen by the client: the idempotency key
    request_id      uuid        not null references quotas.request,
    decided_by      uuid        not null,
    outcome         quotas.outcome not null,
    decided_at      timestamptz not null,
    constraint decision_once_per_request unique (request_id)
);

create table quotas.score (
    decision_id     uuid        not null references quotas.decision,
    criterion       quotas.criterion not null,
    points          smallint    not null,
    primary key (decision_id, criterion),
    constraint score_from_nought_to_five check (points between 0 and 5)
);
grant select, insert on quotas.decision, quotas.score to mimer_app;
