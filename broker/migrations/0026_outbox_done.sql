-- Removing what was done long ago looks at nothing else, however much is there.
create index outbox_done on broker.outbox (done_at) where done_at is not null;
