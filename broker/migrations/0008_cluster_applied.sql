-- What the broker set in Slurm, object by object: the memory that tells its own changes from those
-- that somebody made by hand. It is a projection; the facts are in the audit trail.
create table broker.cluster_applied (
    cluster     text        not null,
    kind        text        not null,   -- account, qos, user or reservation
    name        text        not null,   -- its name in Slurm; of a user ACCOUNT/USER
    applied     jsonb,                  -- what Slurm is known to have; null: nothing
    intended    jsonb,                  -- what a call was about to set; null: no call is open
    changed_at  timestamptz not null,
    primary key (cluster, kind, name),
    constraint cluster_applied_kind check (kind in ('account', 'qos', 'user', 'reservation')),
    constraint cluster_applied_says_something check (applied is not null or intended is not null)
);
grant select, insert, update, delete on broker.cluster_applied to mimer_app;
