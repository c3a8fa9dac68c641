-- Every ended incarnation of a Slurm job, charged or not. Insert only, sealed.
create table accounting.run (
    run_id          uuid        primary key,
    hold_id         uuid        not null references accounting.hold,
    cluster         text        not null,
    slurm_job_id    bigint      not null,
    db_index        bigint      not null,   -- slurmdbd's key of the incarnation
    started_at      timestamptz not null,
    ended_at        timestamptz not null,
    gpu_count       bigint      not null check (gpu_count >= 0),
    gpu_seconds     bigint      not null check (gpu_seconds >= 0),
    state           text        not null,
    chargeable      boolean     not null,
    observation_id  uuid        not null,
    recorded_at     timestamptz not null,
    constraint run_charged_once unique (cluster, db_index),
    constraint run_window_forward check (started_at <= ended_at)
);
create index run_of_hold on accounting.run (hold_id);
grant select, insert on accounting.run to mimer_app;
grant select on accounting.run to mimer_sealer;
