-- The limits in force: the newest of each holder and class, unless it lifts the limit.
create view quotas.use_limit_now as
select *
from (
    select distinct on (agency_id, project_id, class) *
    from quotas.use_limit
    order by agency_id, project_id, class, version desc
) newest
where num_nonnulls(gpus_at_once, jobs_at_once) > 0;
grant select on quotas.use_limit_now to mimer_app;
