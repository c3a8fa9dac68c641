-- Dead letters are counted every few seconds and are few.
create index outbox_dead_letter on broker.outbox (gave_up_at)
    where gave_up_at is not null and done_at is null;
