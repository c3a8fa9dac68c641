-- Which fund pays for which kind of applicant, told once, now with a fund for enterprises. The
-- trigger on grants asks here instead of listing the pairs.
create function quotas.category_purpose(category quotas.agency_category)
returns quotas.fund_purpose language sql immutable as $$
    select case category
        when 'public_body' then 'public_sector'
        when 'academia' then 'research'
        when 'sme' then 'innovation'
    end::quotas.fund_purpose
$$;

create or replace function quotas.refuse_grant_that_mixes() returns trigger language plpgsql as $$
declare
    facts record;
begin
    select a.category, f.purpose, f.valid_until as fund_until, p.valid_until as pool_until,
        greatest(p.valid_from, f.valid_from, p.opens_at) as opens_at, d.decided_by,
        p.created_by as pool_by, f.created_by as fund_by, d.outcome,
        r.project_id is distinct from new.project_id as of_another_project
    into strict facts
    from quotas.decision d
        join quotas.request r using (request_id)
        join quotas.project j on j.project_id = r.project_id
        join quotas.agency a using (agency_id)
        cross join quotas.pool p
        join quotas.fund f on f.fund_id = p.fund_id
    where d.decision_id = new.decision_id and p.pool_id = new.pool_id;

    if facts.outcome <> 'approved' or facts.of_another_project then
        raise exception 'grant % does not follow from its decision', new.grant_id
            using errcode = 'check_violation', constraint = 'grant_follows_from_approval';
    end if;
    if quotas.category_purpose(facts.category) is distinct from facts.purpose then
        raise exception 'a fund for % cannot pay for category %', facts.purpose, facts.category
            using errcode = 'check_violation', constraint = 'funds_never_mix';
    end if;
    if new.valid_until > least(facts.fund_until, facts.pool_until)
        or new.valid_from < facts.opens_at
    then
        raise exception 'grant % is outside the period of its pool and fund', new.grant_id
            using errcode = 'check_violation', constraint = 'grant_within_pool_and_fund';
    end if;
    if facts.decided_by in (facts.pool_by, facts.fund_by) then
        raise exception 'person % operates pool %', facts.decided_by, new.pool_id
            using errcode = 'check_violation', constraint = 'operator_kept_apart';
    end if;
    return new;
end $$;
