-- The ways to ask for time of a fund (short, medium, large), each with its bounds. A request that
-- names one keeps within it.
create table quotas.access_mode (
    access_mode_id  uuid        primary key,    -- chosen by the client: the idempotency key
    fund_id         uuid        not null references quotas.fund,
    name            text        not null,
    min_gpu_seconds bigint      not null,
    max_gpu_seconds bigint      not null,
    max_days        bigint      not null,
    created_by      uuid,
    created_at      timestamptz not null,
    constraint access_mode_has_a_name       check (name <> ''),
    constraint access_mode_name_once        unique (fund_id, name),
    constraint access_mode_bounds_are_a_range
        check (min_gpu_seconds > 0 and min_gpu_seconds <= max_gpu_seconds),
    constraint access_mode_length_in_days   check (max_days between 1 and 3660)
);
grant select, insert on quotas.access_mode to mimer_app;

alter table quotas.request add column access_mode_id uuid references quotas.access_mode;

-- The second defence; the code checks first and says which bound. A day is a day in Sweden.
create function quotas.refuse_request_beyond_mode() returns trigger language plpgsql as $$
begin
    if exists (
        select from quotas.access_mode m
        where m.access_mode_id = new.access_mode_id
            and (new.gpu_seconds not between m.min_gpu_seconds and m.max_gpu_seconds
                or new.asked_until > ((new.asked_from at time zone 'Europe/Stockholm')
                    + make_interval(days => m.max_days::int)) at time zone 'Europe/Stockholm')
    ) then
        raise exception 'request % is beyond access mode %', new.request_id, new.access_mode_id
            using errcode = 'check_violation', constraint = 'request_within_access_mode';
    end if;
    return new;
end $$;
create trigger request_within_access_mode before insert on quotas.request
    for each row when (new.access_mode_id is not null)
    execute function quotas.refuse_request_beyond_mode();
