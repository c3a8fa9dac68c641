-- Whoever decides on a change of a grant is kept apart as whoever decides on a request is: neither
-- the one who asked, nor ever a member, nor the operator of what it is drawn from. And the other way
-- round: who decided on a change becomes no member.
create function quotas.refuse_change_by_interested() returns trigger language plpgsql as $$
begin
    if exists (
        select
        from quotas.grant g
            join quotas.decision d using (decision_id)
            join quotas.request r using (request_id)
        where g.grant_id in (new.grant_id, new.other_grant_id)
            and (r.requested_by = new.decided_by
                or exists (
                    select from quotas.project_member m
                    where m.project_id = g.project_id and m.person_id = new.decided_by
                ))
    ) then
        raise exception 'person % may not decide on change %', new.decided_by, new.change_id
            using errcode = 'check_violation', constraint = 'change_decider_kept_apart';
    end if;
    if exists (
        select
        from quotas.grant g
            join quotas.pool p using (pool_id)
            join quotas.fund f using (fund_id)
        where g.grant_id in (new.grant_id, new.other_grant_id)
            and new.decided_by in (p.created_by, f.created_by)
    ) then
        raise exception 'person % operates what change % is drawn from',
            new.decided_by, new.change_id
            using errcode = 'check_violation', constraint = 'change_operator_kept_apart';
    end if;
    return new;
end $$;
create trigger change_decider_kept_apart before insert on quotas.grant_change
    for each row when (new.decided_by is not null)
    execute function quotas.refuse_change_by_interested();

create or replace function quotas.refuse_member_who_decides() returns trigger language plpgsql as $$
begin
    if exists (
        select from quotas.project p
        where p.project_id = new.project_id and p.controller_person_id = new.person_id
    ) or exists (
        select from quotas.decision d join quotas.request r using (request_id)
        where r.project_id = new.project_id and d.decided_by = new.person_id
    ) or exists (
        select
        from quotas.grant g
            join quotas.grant_change c on g.grant_id in (c.grant_id, c.other_grant_id)
        where g.project_id = new.project_id and c.decided_by = new.person_id
    ) then
        raise exception 'person % may not be a member of project %', new.person_id, new.project_id
            using errcode = 'check_violation', constraint = 'member_kept_apart';
    end if;
    return new;
end $$;
