-- What an agency has in a pool is added up without a bound and told with one: a grant as large as a
-- number can be is refused for what is wrong with it, not because a sum does not fit.
create or replace function quotas.granted_to_agency(pool uuid, agency uuid) returns bigint
language sql stable as $$
    with of_agency as (
        select g.grant_id, g.gpu_seconds
        from quotas.grant g join quotas.project j using (project_id)
        where g.pool_id = pool and j.agency_id = agency
    ), told as (
        select coalesce((select sum(gpu_seconds::numeric) from of_agency), 0)
            + coalesce((
                select sum(case when c.kind = 'topped_up' then c.gpu_seconds::numeric
                    else -c.gpu_seconds::numeric end)
                from quotas.grant_change c
                where c.grant_id in (select grant_id from of_agency) and c.kind <> 'carried_over'
            ), 0)
            + coalesce((
                select sum(c.gpu_seconds::numeric)
                from quotas.grant_change c
                where c.other_grant_id in (select grant_id from of_agency)
                    and c.kind in ('transferred', 'carried_over')
            ), 0) as gpu_seconds
    )
    select least(gpu_seconds, 9223372036854775807)::bigint from told
$$;
