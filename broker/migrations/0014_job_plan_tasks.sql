-- A plan may be an array of tasks, and may begin no earlier than a given time.
alter table broker.job_plan
    add column task_count       integer not null default 1,  -- above 1: an array, numbered from 0
    add column tasks_at_once    integer,                     -- of an array; null: as many as fit
    add column begin_at         timestamptz,
    add constraint job_plan_has_a_task check (task_count > 0),
    add constraint job_plan_tasks_at_once_of_an_array
        check (tasks_at_once is null or (task_count > 1 and tasks_at_once > 0));
