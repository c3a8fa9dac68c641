-- The watcher asks every second which effects an attempt has; the outbox only grows.
create index outbox_of_attempt on broker.outbox ((effect->>'attempt_id'), (effect->>'effect'));
