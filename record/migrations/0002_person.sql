-- Names that may be erased. Sealed rows carry person_id only.
create table record.person (
    person_id   uuid        primary key,
    login       text        unique,
    name        text,
    erased_at   timestamptz,
    constraint person_erased_leaves_no_name
        check (erased_at is null or (login is null and name is null))
);
grant select, insert, update on record.person to mimer_app;
