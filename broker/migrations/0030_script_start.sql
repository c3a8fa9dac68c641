-- Every start of a script as the node itself saw it: slurmctld may forget one that it made. Insert only.
create table broker.script_start (
    cluster         text        not null,
    node            text        not null,
    slurm_job_id    bigint      not null,       -- of a task, Slurm's own id of it
    started_at      timestamptz not null,       -- by the node's clock
    told_at         timestamptz not null,
    primary key (cluster, slurm_job_id, node, started_at)
);
create index script_start_told on broker.script_start (cluster, told_at);
grant select, insert on broker.script_start to mimer_app;
