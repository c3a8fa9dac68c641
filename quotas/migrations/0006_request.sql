-- What an agency asks for. Never changed; where it stands follows from the decision on it.
create type quotas.pattern as enum ('compute_to_data', 'data_to_compute', 'federated');

create table quotas.request (
    request_id      uuid        primary key,    -- chosen by the client: the idempotency key
    project_id      uuid        not null references quotas.project,
    requested_by    uuid        not null,
    purpose         text        not null,
    class           text        not null,
    gpu_seconds     bigint      not null,
    gpus_at_once    bigint      not null,
    longest_run_s   bigint      not null,
    asked_from      timestamptz not null,
    asked_until     timestamptz not null,
    pattern         quotas.pattern not null,
    submitted_at    timestamptz not null,
    constraint request_has_texts       check (purpose <> '' and class <> ''),
    constraint request_asks_something
        check (gpu_seconds > 0 and gpus_at_once > 0 and longest_run_s > 0),
    constraint request_window_forward  check (asked_from < asked_until)
);
create index request_of_project on quotas.request (project_id);
grant select, insert on quotas.request to mimer_app;
