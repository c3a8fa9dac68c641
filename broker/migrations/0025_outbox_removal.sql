-- Effects done long ago are removed: what they did stands in the audit trail. One that is not done
-- may never be, whoever asks: a wish would be lost.
grant delete on broker.outbox to mimer_app;

create function broker.outbox_keeps_what_is_not_done() returns trigger language plpgsql as $$
begin
    if old.done_at is null then
        raise exception 'effect % is not done and stays in the outbox', old.outbox_id
            using errcode = 'integrity_constraint_violation',
                  constraint = 'outbox_keeps_what_is_not_done';
    end if;
    return old;
end
$$;
create trigger outbox_keeps_what_is_not_done before delete on broker.outbox
    for each row execute function broker.outbox_keeps_what_is_not_done();
