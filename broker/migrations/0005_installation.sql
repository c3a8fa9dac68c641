-- One row: the epoch of this database. It is part of every key we give Slurm, so that a broker whose
-- database was made anew never adopts the jobs of the old one.
create table broker.installation (
    only_row    boolean     primary key default true check (only_row),
    epoch       uuid        not null
);
insert into broker.installation (epoch) values (gen_random_uuid());
grant select on broker.installation to mimer_app;
