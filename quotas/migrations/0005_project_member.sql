-- Who works in a project, as a history: who leaves and comes back has two rows. Only the leaving is
-- written afterwards, so that "was ever a member" stays answerable.
create table quotas.project_member (
    membership_id   uuid        primary key,
    project_id      uuid        not null references quotas.project,
    person_id       uuid        not null,
    joined_at       timestamptz not null,
    left_at         timestamptz,
    constraint project_member_window_forward check (joined_at <= left_at)
);
create unique index project_member_once_at_a_time
    on quotas.project_member (project_id, person_id) where left_at is null;
create index project_member_of_person on quotas.project_member (person_id);
grant select, insert, update (left_at) on quotas.project_member to mimer_app;
