-- A rate may be for one category of applicant only (public body, SME, academia); 'any' prices
-- everybody who has no rate of their own. The default keeps the cards published before.
alter table accounting.rate
    add column category text not null default 'any',
    add constraint rate_category_is_a_word check (category ~ '^[a-z][a-z_]*$'),
    drop constraint rate_never_ambiguous,
    add constraint rate_never_ambiguous unique (class, partition, category, valid_from);
