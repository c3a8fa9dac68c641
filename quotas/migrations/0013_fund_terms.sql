-- The terms a fund's money comes with, what a year of it is expected to bring, and its rule for time
-- that was not used. Funds laid out before have no conditions and carry nothing over.
alter table quotas.fund
    add column conditions     text   not null default '',
    add column envelope_low   bigint,                    -- µSEK a year
    add column envelope_high  bigint,                    -- µSEK a year
    add column carry_over_ppm bigint not null default 0, -- of what expires
    add constraint fund_envelope_is_a_range check (
        (envelope_low is null) = (envelope_high is null)
        and envelope_low > 0 and envelope_low <= envelope_high
    ),
    add constraint fund_carries_over_a_part check (carry_over_ppm between 0 and 1000000);
