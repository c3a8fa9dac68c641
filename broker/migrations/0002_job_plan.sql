-- What a person asked to run, and each try to run it.
create table broker.job_plan (
    job_plan_id     uuid        primary key,    -- chosen by the client: the idempotency key
    project_id      uuid        not null,
    person_id       uuid        not null,
    name            text        not null,
    script          text        not null,
    gpu_count       integer     not null check (gpu_count > 0),
    wall_time_s     bigint      not null check (wall_time_s > 0),
    class           text        not null,
    partition       text        not null,
    link_ids        uuid[]      not null,
    planned_at      timestamptz not null,
    trace_id        uuid        not null
);
grant select, insert on broker.job_plan to mimer_app;

create type broker.attempt_state as enum
    ('admitted', 'submitted', 'released', 'running', 'ended', 'settled', 'cancelled', 'refused');

-- Slurm's job id is drawn here, before Slurm hears of the job: the durable sequence.
-- mimerd moves its bounds to the configured range at start.
create sequence broker.slurm_job_id as bigint minvalue 1 maxvalue 67108863 no cycle;

create table broker.attempt (
    attempt_id      uuid        primary key,
    job_plan_id     uuid        not null references broker.job_plan,
    hold_id         uuid        not null unique,
    cluster         text        not null,
    slurm_job_id    bigint      not null,
    slurm_key       text        not null,       -- the mark Slurm stores as admin comment
    spec            jsonb       not null,       -- exactly what is sent to the gateway
    state           broker.attempt_state not null default 'admitted',
    refusal         text,                       -- why it was refused or cancelled
    slurm_state     text,                       -- the last state Slurm told
    created_at      timestamptz not null,
    queued_at       timestamptz,                -- Slurm accepted it
    started_at      timestamptz,
    ended_at        timestamptz,
    settled_at      timestamptz,
    exit_code       integer,
    start_count     integer     not null default 0,
    constraint attempt_one_slurm_job unique (cluster, slurm_job_id)
);
create index attempt_of_plan on broker.attempt (job_plan_id);
create index attempt_open on broker.attempt (state) where state not in ('settled', 'cancelled', 'refused');
grant select, insert, update on broker.attempt to mimer_app;
grant usage, update on sequence broker.slurm_job_id to mimer_app;
-- Set when a person or a permit wants the attempt stopped; it is then never released.
alter table broker.attempt add column cancel_reason text;

-- The lists of the pages: a project's and a person's jobs, newest first.
create index job_plan_of_project on broker.job_plan (project_id, planned_at);
create index job_plan_of_person on broker.job_plan (person_id, planned_at);
create index attempt_started on broker.attempt (started_at);
