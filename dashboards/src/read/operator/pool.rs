//! Pools: what is reserved, granted, held and used by the ledger, and idle by the meters.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    super::{
        FundRef, gpu_seconds,
        metering::{self, Metered},
    },
    PoolLine, share,
};

/// Every pool with its standing at `now` and the metered use of its jobs since `since`.
pub(super) async fn pools(
    tx: &mut PgConnection,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<PoolLine>, sqlx::Error> {
    let mut metered = metered_by_pool(&mut *tx, since, now).await?;
    let mut shares = share::shares(&mut *tx).await?;
    let mut agency_shares = share::agency_shares(&mut *tx).await?;
    let rows = sqlx::query!(
        r#"
        select p.pool_id, p.fund_id, f.name as fund_name, p.cluster, p.class, p.partition,
            p.valid_from, p.valid_until, p.unit::text as "unit!", p.unit_share_ppm,
            p.over_allocation_ppm, p.gpu_seconds as reserved,
            (p.gpu_seconds + coalesce(o.extra, 0))::bigint as "promised!",
            coalesce(b.granted, 0)::bigint as "granted!", coalesce(b.held, 0)::bigint as "held!",
            coalesce(b.used, 0)::bigint as "used!"
        from quotas.pool p
            join quotas.fund f using (fund_id)
            left join lateral (
                select sum(gpu_seconds) as extra
                from accounting.over_allocation where pool_id = p.pool_id
            ) o on true
            left join lateral (
                select sum(k.amount) filter (where k.kind in ('free', 'held', 'settled')) as granted,
                    sum(k.amount) filter (where k.kind = 'held') as held,
                    sum(k.amount) filter (where k.kind = 'settled') as used
                from accounting.grant_opening g
                    join accounting.account a on a.owner_id = g.grant_id and a.unit = 'gpu_seconds'
                    join accounting.balance k using (account_id)
                where g.pool_id = p.pool_id
            ) b on true
        order by p.cluster, p.class, p.valid_until desc, p.pool_id
        "#,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let (metered, idle_usek) = metered.remove(&row.pool_id).unwrap_or_default();
            Ok(PoolLine {
                pool_id: row.pool_id,
                fund: FundRef { fund_id: row.fund_id, name: row.fund_name },
                cluster: row.cluster,
                class: row.class,
                partition: row.partition,
                valid_from: row.valid_from,
                valid_until: row.valid_until,
                unit: row.unit,
                unit_share_ppm: row.unit_share_ppm,
                share: shares.remove(&row.pool_id).unwrap_or_default(),
                agency_shares: agency_shares.remove(&row.pool_id).unwrap_or_default(),
                over_allocation_ppm: row.over_allocation_ppm,
                promised: gpu_seconds(row.promised)?,
                reserved: gpu_seconds(row.reserved)?,
                granted: gpu_seconds(row.granted)?,
                held: gpu_seconds(row.held)?,
                used: gpu_seconds(row.used)?,
                metered,
                idle_usek,
            })
        })
        .collect()
}

/// Metered use of every attempt that was on its GPUs since `since`, added up by pool.
///
/// An attempt paid by grants of two pools counts for the pool of its first part.
async fn metered_by_pool(
    tx: &mut PgConnection,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<BTreeMap<Uuid, (Metered, MicroSek)>, sqlx::Error> {
    let attempts = sqlx::query!(
        r#"
        select a.attempt_id, g.pool_id, r.price_usek_per_gpu_hour, r.factor_ppm
        from broker.attempt a
            join accounting.hold h using (hold_id)
            join accounting.rate r using (rate_id)
            join accounting.hold_part p on p.hold_id = h.hold_id and p.part_no = 0
            join accounting.grant_opening g using (grant_id)
        where a.started_at is not null and coalesce(a.ended_at, $2) >= $1
        "#,
        since,
        now,
    )
    .fetch_all(&mut *tx)
    .await?;
    let attempt_ids: Vec<Uuid> = attempts.iter().map(|attempt| attempt.attempt_id).collect();
    let metered = metering::of_attempts(tx, &attempt_ids, now).await?;
    let mut by_pool: BTreeMap<Uuid, (Metered, MicroSek)> = BTreeMap::new();
    for attempt in attempts {
        let Some(one) = metered.get(&attempt.attempt_id) else { continue };
        let (sum, money) = by_pool.entry(attempt.pool_id).or_default();
        sum.add(one);
        let idle = GpuSeconds::new(one.idle_ms / 1000).unwrap_or_default();
        let cost =
            accounting::rate::cost(idle, attempt.price_usek_per_gpu_hour, attempt.factor_ppm);
        *money = cost.and_then(|cost| money.checked_add(cost)).unwrap_or(*money);
    }
    Ok(by_pool)
}
