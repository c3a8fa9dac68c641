-- What is asked about open holds every minute: whose time has passed, and which a project has.
-- And what a grant did not pay for, which Slurm's own limit must leave room for.
create index hold_open_until on accounting.hold (expires_at) where state = 'open';
create index hold_open_of_project on accounting.hold (project_id) where state = 'open';
create index run_not_charged on accounting.run (hold_id) where not chargeable;
