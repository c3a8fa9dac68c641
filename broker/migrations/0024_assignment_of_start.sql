-- A GPU may be given to one attempt more than once: to its tasks in turn, or after a requeue.
alter table broker.assignment
    add column slurm_job_id bigint,             -- of a task, Slurm's own id of it
    drop constraint assignment_pkey,
    add primary key (attempt_id, node, gpu_minor, from_at);
