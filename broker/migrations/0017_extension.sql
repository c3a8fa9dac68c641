-- More wall time for an attempt: wanted with its additional hold, then granted or refused by Slurm.
create table broker.extension (
    extension_id    uuid        primary key,    -- chosen by the client: the idempotency key
    attempt_id      uuid        not null references broker.attempt,
    extra_s         bigint      not null,       -- whole minutes, as Slurm counts
    gpu_seconds     bigint      not null check (gpu_seconds > 0),
    usek            bigint      not null check (usek >= 0),
    wanted_by       uuid        not null,
    wanted_at       timestamptz not null,
    granted_at      timestamptz,
    refused_at      timestamptz,
    refusal         text,
    constraint extension_in_whole_minutes check (extra_s > 0 and extra_s % 60 = 0),
    constraint extension_answered_once check (granted_at is null or refused_at is null),
    constraint extension_refused_with_reason check ((refused_at is null) = (refusal is null))
);
create index extension_of_attempt on broker.extension (attempt_id, wanted_at);
-- One at a time: the limit that Slurm is told is a whole, and two on their way could pass each other.
create unique index extension_one_on_its_way on broker.extension (attempt_id)
    where granted_at is null and refused_at is null;
grant select, insert, update on broker.extension to mimer_app;
