-- What one unit of a pool's class is, and by which stated factor more is promised than there is.
create type quotas.allocation_unit as enum ('gpu', 'mig_instance', 'node');

alter table quotas.pool
    add column unit                quotas.allocation_unit not null default 'gpu',
    add column unit_share_ppm      bigint,                      -- of a GPU; MIG instances only
    add column over_allocation_ppm bigint not null default 1000000,
    add constraint pool_share_of_mig_instances check (
        (unit = 'mig_instance') = (unit_share_ppm is not null)
        and unit_share_ppm between 1 and 1000000
    ),
    add constraint pool_over_allocated_at_most_twice
        check (over_allocation_ppm between 1000000 and 2000000);
