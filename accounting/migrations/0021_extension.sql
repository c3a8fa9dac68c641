-- More time for a hold that is open, at the price that it has. The request is kept whole; whether
-- it still stands says its end. Insert only, sealed. The hold keeps the sum of what stands, which
-- verification recomputes.
create table accounting.extension (
    extension_id        uuid        primary key,    -- chosen by the caller: the idempotency key
    hold_id             uuid        not null references accounting.hold,
    extension_no        bigint      not null check (extension_no > 0),
    offered_grant_ids   uuid[]      not null,       -- in the order they were to be used
    gpu_seconds         bigint      not null check (gpu_seconds > 0),
    usek                bigint      not null check (usek >= 0),
    extended_at         timestamptz not null,
    expires_at          timestamptz not null,
    constraint extension_in_order unique (hold_id, extension_no),
    constraint extension_window_forward check (extended_at < expires_at)
);
grant select, insert on accounting.extension to mimer_app;
grant select on accounting.extension to mimer_sealer;

create table accounting.extension_part (
    extension_id    uuid    not null references accounting.extension,
    part_no         bigint  not null check (part_no >= 0),
    grant_id        uuid    not null references accounting.grant_opening,
    gpu_seconds     bigint  not null check (gpu_seconds > 0),
    usek            bigint  not null check (usek >= 0),
    primary key (extension_id, part_no),
    constraint extension_part_once_per_grant unique (extension_id, grant_id)
);
create index extension_part_of_grant on accounting.extension_part (grant_id);
grant select, insert on accounting.extension_part to mimer_app;

-- An extension that was given back while the hold was open. Insert only, sealed.
create table accounting.extension_end (
    extension_id    uuid        primary key references accounting.extension,
    shortened_at    timestamptz not null
);
grant select, insert on accounting.extension_end to mimer_app;
grant select on accounting.extension_end to mimer_sealer;

alter table accounting.hold
    add column extended_gpu_seconds bigint not null default 0,
    add column extended_usek        bigint not null default 0,
    add column extended_until       timestamptz,
    add constraint hold_extended_not_negative
        check (extended_gpu_seconds >= 0 and extended_usek >= 0),
    add constraint hold_extended_until_an_end
        check ((extended_gpu_seconds > 0) = (extended_until is not null)),
    drop constraint hold_never_charged_above_it,
    add constraint hold_never_charged_above_it check (
        settled_gpu_seconds <= gpu_seconds + extended_gpu_seconds
        and settled_usek <= usek + extended_usek);
grant update (extended_gpu_seconds, extended_usek, extended_until)
    on accounting.hold to mimer_app;

-- All that a hold sets aside, or set aside when it closed, in the order it is used.
create view accounting.held_part as
    select hold_id, 0::bigint as extension_no, part_no, grant_id, gpu_seconds, usek
    from accounting.hold_part
    union all
    select e.hold_id, e.extension_no, p.part_no, p.grant_id, p.gpu_seconds, p.usek
    from accounting.extension e
    join accounting.extension_part p on p.extension_id = e.extension_id
    where not exists (
        select from accounting.extension_end x where x.extension_id = e.extension_id);
grant select on accounting.held_part to mimer_app;
