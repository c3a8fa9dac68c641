-- An agency's grants that are open at an instant: within their window and their fund's, and neither
-- superseded nor expired. Said once, for what the agency's limit policy counts.
create function quotas.open_grants(agency uuid, at timestamptz) returns setof uuid
language sql stable as $$
    select g.grant_id
    from quotas.project j
        join quotas.grant g using (project_id)
        join quotas.pool p using (pool_id)
        join quotas.fund f using (fund_id)
    where j.agency_id = agency
        and g.valid_from <= at and at < least(g.valid_until, f.valid_until)
        and not exists (select from quotas.grant_end e where e.grant_id = g.grant_id)
$$;
grant execute on function quotas.open_grants to mimer_app;
