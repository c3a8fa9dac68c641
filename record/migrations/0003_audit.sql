-- Words people typed as reasons. Erasable: the sealed row keeps only the salted digest.
create table record.free_text (
    free_text_id    uuid    primary key,    -- the audit_id it belongs to
    salt            bytea   not null,
    body            text,
    erased_at       timestamptz
);
grant select, insert, update on record.free_text to mimer_app;

-- Every change, told once, in its own transaction. Insert only, sealed.
create table record.audit (
    audit_id            uuid        primary key,
    at                  timestamptz not null,
    actor_person_id     uuid,
    actor_program       text,
    action              text        not null,
    subject_kind        text        not null,
    subject_id          uuid        not null,
    details             jsonb       not null,
    why_digest          bytea,
    trace_id            uuid        not null,
    constraint audit_has_exactly_one_actor
        check ((actor_person_id is null) <> (actor_program is null))
);
create index audit_subject on record.audit (subject_kind, subject_id);
grant select, insert on record.audit to mimer_app;
grant select on record.audit to mimer_sealer;
