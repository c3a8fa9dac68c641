-- Published prices. Insert only: a hold keeps its quote because its rate can never change.
create table accounting.rate_card (
    rate_card_id            uuid        primary key,
    name                    text        not null,
    valid_from              timestamptz not null,
    valid_until             timestamptz,            -- null: until a later card replaces it
    charges_node_failure    boolean     not null,   -- are runs that the machine ended charged?
    published_at            timestamptz not null,
    constraint rate_card_window_forward check (valid_from < valid_until),
    constraint rate_card_keeps_its_start unique (rate_card_id, valid_from)
);
grant select, insert on accounting.rate_card to mimer_app;

create table accounting.rate (
    rate_id                 uuid        primary key,
    rate_card_id            uuid        not null,
    class                   text        not null,
    partition               text        not null,
    valid_from              timestamptz not null,   -- the card's, so that no two rates start together
    price_usek_per_gpu_hour bigint      not null,
    factor_ppm              bigint      not null,
    foreign key (rate_card_id, valid_from)
        references accounting.rate_card (rate_card_id, valid_from),
    constraint rate_never_negative check (price_usek_per_gpu_hour >= 0 and factor_ppm >= 0),
    constraint rate_never_ambiguous unique (class, partition, valid_from)
);
create index rate_of_card on accounting.rate (rate_card_id);
grant select, insert on accounting.rate to mimer_app;
