-- Comparing the ledger with Slurm reads the runs of a stretch of time.
create index run_ended on accounting.run (cluster, ended_at);
