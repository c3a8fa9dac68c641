-- Why Slurm keeps a job waiting, in its own word: "Why can't I run?" shows it.
alter table broker.attempt add column slurm_reason text;
