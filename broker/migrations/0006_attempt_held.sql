-- What was held for the attempt when it was admitted, so that an equal repeat gets the same answer.
alter table broker.attempt
    add column held_gpu_seconds bigint not null check (held_gpu_seconds > 0),
    add column held_usek        bigint not null check (held_usek >= 0);
