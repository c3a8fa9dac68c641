-- How many GPUs and jobs an agency or a project may have at once, of one class or of all. Never
-- changed: a new row takes the place of the older ones of the same holder and class, and one without
-- figures lifts the limit. `version` is drawn under the holder's lock, so that the newest is one.
create table quotas.use_limit (
    use_limit_id    uuid        primary key,    -- chosen by the client: the idempotency key
    agency_id       uuid        references quotas.agency,
    project_id      uuid        references quotas.project,
    class           text,                       -- null: of all classes together
    gpus_at_once    bigint,                     -- null: not limited
    jobs_at_once    bigint,
    set_by          uuid,
    set_at          timestamptz not null,
    version         bigint      not null generated always as identity,
    constraint use_limit_has_one_holder     check (num_nonnulls(agency_id, project_id) = 1),
    constraint use_limit_class_has_a_name   check (class <> ''),
    constraint use_limit_allows_something   check (gpus_at_once > 0 and jobs_at_once > 0)
);
create index use_limit_of_agency  on quotas.use_limit (agency_id)  where agency_id is not null;
create index use_limit_of_project on quotas.use_limit (project_id) where project_id is not null;
grant select, insert on quotas.use_limit to mimer_app;
