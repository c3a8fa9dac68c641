-- The newest reading of each of slurmdbd's records, by its own key: a projection of the observations,
-- from which attempts are settled and edits are noticed.
create table broker.job_record (
    cluster         text        not null,
    db_index        bigint      not null,       -- slurmdbd's key of the incarnation
    asked_id        bigint      not null,       -- the id that was asked for; of a task, the array's
    observation_id  uuid        not null references broker.observation,
    read_at         timestamptz not null,
    primary key (cluster, db_index)
);
create index job_record_of_job on broker.job_record (cluster, asked_id);
grant select, insert, update on broker.job_record to mimer_app;

-- How far slurmdbd and slurmctld have been read.
create table broker.records_mark (
    cluster         text        primary key,
    read_until      timestamptz not null,       -- what had ended before was read
    again_from      timestamptz not null,       -- where the slow second reading stands
    watched_at      timestamptz not null,       -- when slurmctld last answered
    blind_until     timestamptz                 -- end of the last break in which a job could have run
                                                -- and been forgotten by slurmctld, unseen
);
grant select, insert, update on broker.records_mark to mimer_app;
