-- The second defence of "whoever decides neither asked nor works in the project": the code checks
-- under the project's lock; this refuses the row if the code ever forgets. A CHECK cannot look into
-- other tables, so these are triggers that refuse under a constraint's name.
create function quotas.refuse_decision_by_interested() returns trigger language plpgsql as $$
begin
    if exists (
        select from quotas.request r
        where r.request_id = new.request_id
            and (r.requested_by = new.decided_by
                or exists (
                    select from quotas.project_member m
                    where m.project_id = r.project_id and m.person_id = new.decided_by
                ))
    ) then
        raise exception 'person % may not decide on request %', new.decided_by, new.request_id
            using errcode = 'check_violation', constraint = 'decider_kept_apart';
    end if;
    return new;
end $$;
create trigger decider_kept_apart before insert on quotas.decision
    for each row execute function quotas.refuse_decision_by_interested();

create function quotas.refuse_member_who_decides() returns trigger language plpgsql as $$
begin
    if exists (
        select from quotas.project p
        where p.project_id = new.project_id and p.controller_person_id = new.person_id
    ) or exists (
        select from quotas.decision d join quotas.request r using (request_id)
        where r.project_id = new.project_id and d.decided_by = new.person_id
    ) then
        raise exception 'person % may not be a member of project %', new.person_id, new.project_id
            using errcode = 'check_violation', constraint = 'member_kept_apart';
    end if;
    return new;
end $$;
create trigger member_kept_apart before insert on quotas.project_member
    for each row execute function quotas.refuse_member_who_decides();
