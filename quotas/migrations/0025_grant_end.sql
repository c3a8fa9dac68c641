-- A grant that came to its end takes no more holds and no more changes. Written once.
create type quotas.grant_ending as enum ('superseded', 'expired');

create table quotas.grant_end (
    grant_id        uuid        primary key references quotas.grant,
    ending          quotas.grant_ending not null,
    superseded_by   uuid        references quotas.grant,
    ended_at        timestamptz not null,
    constraint grant_end_names_its_successor
        check ((ending = 'superseded') = (superseded_by is not null)),
    constraint grant_end_not_by_itself check (superseded_by <> grant_id)
);
grant select, insert on quotas.grant_end to mimer_app;

-- The second defence: what has ended is only ever swept (kind expired), and a change of two grants
-- stays within one fund and one class.
create function quotas.refuse_change_of_ended_grant() returns trigger language plpgsql as $$
begin
    if exists (
        select from quotas.grant_end e
        where e.grant_id = new.other_grant_id
            or (e.grant_id = new.grant_id
                and new.kind in ('topped_up', 'given_back', 'transferred'))
    ) then
        raise exception 'a grant of change % has ended', new.change_id
            using errcode = 'check_violation', constraint = 'ended_grant_takes_no_change';
    end if;
    if new.kind in ('transferred', 'carried_over') and exists (
        select
        from quotas.grant a join quotas.pool p on p.pool_id = a.pool_id,
            quotas.grant b join quotas.pool q on q.pool_id = b.pool_id
        where a.grant_id = new.grant_id and b.grant_id = new.other_grant_id
            and (p.fund_id, p.class) is distinct from (q.fund_id, q.class)
    ) then
        raise exception 'change % would mix two funds or two classes', new.change_id
            using errcode = 'check_violation', constraint = 'change_within_one_fund';
    end if;
    return new;
end $$;
create trigger ended_grant_takes_no_change before insert on quotas.grant_change
    for each row execute function quotas.refuse_change_of_ended_grant();
