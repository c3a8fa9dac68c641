-- What a plan waits for: other plans of its project that must have ended first. Insert only. A plan
-- can only need one that was there before it, and its needs are written with it, so there is no cycle.
create type broker.need_condition as enum ('ended', 'succeeded', 'failed');

create table broker.job_plan_need (
    job_plan_id     uuid    not null references broker.job_plan,
    needs_plan_id   uuid    not null references broker.job_plan,
    condition       broker.need_condition not null,
    primary key (job_plan_id, needs_plan_id),
    constraint job_plan_needs_another check (job_plan_id <> needs_plan_id)
);
create index job_plan_need_of on broker.job_plan_need (needs_plan_id);
grant select, insert on broker.job_plan_need to mimer_app;
