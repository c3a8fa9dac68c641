-- A person keeps a waiting attempt from starting, or suspends a running one. Only an operator lifts
-- what an operator did.
alter table broker.attempt
    add column kept_by          uuid,       -- who wants it kept waiting
    add column kept_by_operator boolean     not null default false,
    add column kept_at          timestamptz,
    add column kept_why         text,
    add column suspended_by     uuid,       -- the operator who wants it suspended
    add column suspended_at     timestamptz,
    add column suspended_why    text,
    add constraint attempt_kept_by_someone
        check ((kept_by is null) = (kept_at is null) and (kept_by is not null or not kept_by_operator)),
    add constraint attempt_suspended_by_someone
        check ((suspended_by is null) = (suspended_at is null));

-- A plan is tried once at a time: a new attempt comes after the last is over, or is to be cancelled.
create unique index attempt_one_wanted_of_plan on broker.attempt (job_plan_id)
    where state not in ('settled', 'cancelled', 'refused') and cancel_reason is null;
