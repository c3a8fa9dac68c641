-- A mark is of one attempt; a job that carries it under another id is found by it.
create unique index attempt_key_once on broker.attempt (slurm_key);
