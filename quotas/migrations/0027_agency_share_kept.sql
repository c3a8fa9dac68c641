-- The second defence of agency shares: what the grants of an agency in a pool have in all, told from
-- the decisions and the changes alone, never passes the agency's share of the pool. The lock makes
-- two that race queue here even if the code forgets its own.
create function quotas.granted_to_agency(pool uuid, agency uuid) returns bigint
language sql stable as $$
    with of_agency as (
        select g.grant_id, g.gpu_seconds
        from quotas.grant g join quotas.project j using (project_id)
        where g.pool_id = pool and j.agency_id = agency
    )
    select coalesce((select sum(gpu_seconds) from of_agency), 0)::bigint
        + coalesce((
            select sum(case when c.kind = 'topped_up' then c.gpu_seconds else -c.gpu_seconds end)
            from quotas.grant_change c
            where c.grant_id in (select grant_id from of_agency) and c.kind <> 'carried_over'
        ), 0)::bigint
        + coalesce((
            select sum(c.gpu_seconds)
            from quotas.grant_change c
            where c.other_grant_id in (select grant_id from of_agency)
                and c.kind in ('transferred', 'carried_over')
        ), 0)::bigint
$$;

create function quotas.refuse_beyond_agency_share() returns trigger language plpgsql as $$
declare
    raised      uuid;
    pool        uuid;
    agency      uuid;
    share       bigint;
begin
    if tg_table_name = 'grant' then
        raised := new.grant_id;
    elsif new.kind in ('transferred', 'carried_over') then
        raised := new.other_grant_id;
    elsif new.kind = 'topped_up' then
        raised := new.grant_id;
    else
        return null;
    end if;
    select g.pool_id, j.agency_id into strict pool, agency
    from quotas.grant g join quotas.project j using (project_id)
    where g.grant_id = raised;
    perform pg_advisory_xact_lock(hashtextextended('quotas.pool ' || pool, 0));
    select s.gpu_seconds into share
    from quotas.agency_share s
    where s.pool_id = pool and s.agency_id = agency
    order by s.version desc limit 1;
    if share < quotas.granted_to_agency(pool, agency) then
        raise exception 'agency % would have more than its share of pool %', agency, pool
            using errcode = 'check_violation', constraint = 'agency_share_never_passed';
    end if;
    return null;
end $$;
create trigger agency_share_never_passed after insert on quotas.grant
    for each row execute function quotas.refuse_beyond_agency_share();
create trigger agency_share_never_passed after insert on quotas.grant_change
    for each row execute function quotas.refuse_beyond_agency_share();
