-- What the watcher finds besides jobs that nobody planned. In a migration of its own: a value cannot
-- be used in the transaction that adds it.
alter type broker.exception_kind add value 'second_start';
alter type broker.exception_kind add value 'runaway_record';
alter type broker.exception_kind add value 'lost_job';
alter type broker.exception_kind add value 'edited_record';
