-- The policy in force of each agency that has one, with its steps from the lowest share up.
create view quotas.limit_policy_now as
select p.limit_policy_id, p.agency_id, p.dry_run, p.decided_by, p.decided_at,
    coalesce(
        (select jsonb_agg(
                jsonb_build_object('at_percent', s.at_percent, 'action', s.action)
                order by s.at_percent, s.action
            )
         from quotas.limit_step s where s.limit_policy_id = p.limit_policy_id),
        '[]'
    ) as steps
from (
    select distinct on (agency_id) *
    from quotas.limit_policy
    order by agency_id, version desc
) p;
grant select on quotas.limit_policy_now to mimer_app;
