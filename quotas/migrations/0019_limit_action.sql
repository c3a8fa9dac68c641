-- What was done at a limit, or would have been done in a dry run. Facts: never changed.
create table quotas.limit_action (
    limit_action_id uuid        primary key,    -- chosen by the caller: the idempotency key
    limit_policy_id uuid        not null,
    at_percent      bigint      not null,
    action          quotas.limit_action_kind not null,
    attempt_id      uuid,                       -- null: it was done to the agency as a whole
    used            bigint      not null,       -- GPU-seconds, settled and overrun
    granted         bigint      not null,       -- GPU-seconds of the grants open then
    dry_run         boolean     not null,
    taken_at        timestamptz not null,
    constraint limit_action_of_a_step
        foreign key (limit_policy_id, at_percent, action) references quotas.limit_step,
    constraint limit_action_when_reached
        check (granted > 0 and used::numeric * 100 >= granted::numeric * at_percent)
);
create index limit_action_of_policy on quotas.limit_action (limit_policy_id, taken_at desc);
create index limit_action_of_attempt on quotas.limit_action (attempt_id) where attempt_id is not null;
grant select, insert on quotas.limit_action to mimer_app;
