-- Time and money set aside for one attempt. The request is kept whole, so that the same request
-- again can be told from another under the same id. Only the state ever changes, and only once.
create type accounting.hold_state as enum ('open', 'settled', 'released');

create type accounting.release_reason as enum ('cancelled', 'expired', 'refused', 'never_ran');

create table accounting.hold (
    hold_id             uuid        primary key,    -- chosen by the caller: the idempotency key
    attempt_id          uuid        not null,
    agency_id           uuid        not null,
    project_id          uuid        not null,
    offered_grant_ids   uuid[]      not null,       -- in the order they were to be used
    gpu_seconds         bigint      not null check (gpu_seconds > 0),
    usek                bigint      not null check (usek >= 0),
    rate_id             uuid        not null references accounting.rate,
    placed_at           timestamptz not null,
    expires_at          timestamptz not null,
    state               accounting.hold_state not null default 'open',
    closed_at           timestamptz,
    release_reason      accounting.release_reason,
    settled_gpu_seconds bigint,                     -- what its runs took of it, when it closed
    settled_usek        bigint,
    constraint hold_window_forward check (placed_at < expires_at),
    constraint hold_open_until_closed check ((state = 'open') = (closed_at is null)),
    constraint hold_release_has_reason check ((state = 'released') = (release_reason is not null)),
    constraint hold_settled_has_figures check (
        (state = 'settled') = (settled_gpu_seconds is not null)
        and (state = 'settled') = (settled_usek is not null)),
    constraint hold_never_charged_above_it
        check (settled_gpu_seconds <= gpu_seconds and settled_usek <= usek)
);
create unique index hold_one_open_per_attempt on accounting.hold (attempt_id)
    where state = 'open';
grant select, insert,
    update (state, closed_at, release_reason, settled_gpu_seconds, settled_usek)
    on accounting.hold to mimer_app;

create table accounting.hold_part (
    hold_id     uuid    not null references accounting.hold,
    part_no     bigint  not null check (part_no >= 0),
    grant_id    uuid    not null references accounting.grant_opening,
    gpu_seconds bigint  not null check (gpu_seconds > 0),
    usek        bigint  not null check (usek >= 0),
    primary key (hold_id, part_no),
    constraint hold_part_once_per_grant unique (hold_id, grant_id)
);
create index hold_part_of_grant on accounting.hold_part (grant_id);
grant select, insert on accounting.hold_part to mimer_app;
