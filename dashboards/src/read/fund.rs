//! What a fund's page shows: its terms, its pools, and the proof that it paid for its own kind of
//! applicant and for nothing else.

use accounting::rate_card::{self, RateError};
use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{FundRef, gpu_seconds, impossible, usek};

mod proof;

pub use proof::{CategoryLine, Charged, Proof};

/// The page of one fund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundView {
    /// The fund.
    pub fund: FundRef,
    /// What its money is for, as the database names it.
    pub purpose: String,
    /// The conditions it comes with; may be empty.
    pub conditions: String,
    /// The first instant it may pay for.
    pub valid_from: DateTime<Utc>,
    /// The instant its money ends.
    pub valid_until: DateTime<Utc>,
    /// The instant of the figures.
    pub now: DateTime<Utc>,
    /// The most that may ever be granted from it.
    pub ceiling: MicroSek,
    /// What no grant has yet.
    pub left: MicroSek,
    /// What its grants were charged.
    pub settled: MicroSek,
    /// What a year of it is expected to bring.
    pub envelope: Option<EnvelopeView>,
    /// How much of what expires may be carried over, in parts per million.
    pub carry_over_ppm: i64,
    /// Its pools, by cluster and class.
    pub pools: Vec<FundPool>,
    /// The ways to ask for time of it, the smallest first.
    pub access_modes: Vec<AccessMode>,
    /// That nothing was mixed.
    pub proof: Proof,
}

/// A range of money for one year, and what time it buys at today's prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeView {
    /// The least.
    pub low: MicroSek,
    /// The most.
    pub high: MicroSek,
    /// The time it would buy, if all went to one place; one line for each price.
    pub bought: Vec<Bought>,
}

/// The time that an envelope buys at one price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    /// The class of GPU.
    pub class: String,
    /// The partition.
    pub partition: String,
    /// The card the price stands on.
    pub rate_card_name: String,
    /// The price per GPU-hour.
    pub price_usek_per_gpu_hour: MicroSek,
    /// The factor on it, in parts per million.
    pub factor_ppm: i64,
    /// What the least buys.
    pub low: GpuSeconds,
    /// What the most buys.
    pub high: GpuSeconds,
}

/// One pool of the fund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundPool {
    /// Its id.
    pub pool_id: Uuid,
    /// The cluster.
    pub cluster: String,
    /// The class of GPU.
    pub class: String,
    /// The partition.
    pub partition: String,
    /// From when it is there.
    pub valid_from: DateTime<Utc>,
    /// Until when it is there; that instant is not part of it.
    pub valid_until: DateTime<Utc>,
    /// What was set apart.
    pub reserved: GpuSeconds,
    /// What no grant has yet, planned over-allocation included.
    pub left: GpuSeconds,
    /// What its grants have used.
    pub used: GpuSeconds,
}

/// One way to ask for time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessMode {
    /// What people call it.
    pub name: String,
    /// The least time.
    pub least: GpuSeconds,
    /// The most time.
    pub most: GpuSeconds,
    /// The longest, in days.
    pub max_days: i64,
}

/// Reads the page of a fund, or `None` if there is no such fund.
///
/// The figures of the proof are of one instant only in a transaction of repeatable reads.
pub async fn read(
    tx: &mut PgConnection,
    fund_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<FundView>, sqlx::Error> {
    let fund = sqlx::query!(
        r#"
        select f.name, f.purpose::text as "purpose!", f.conditions, f.valid_from, f.valid_until,
            f.ceiling, f.envelope_low, f.envelope_high, f.carry_over_ppm,
            coalesce((
                select b.amount from accounting.account a join accounting.balance b using (account_id)
                where a.owner_id = f.fund_id and a.kind = 'fund' and a.unit = 'micro_sek'
            ), 0) as "left!",
            coalesce((
                select sum(b.amount)
                from accounting.grant_opening g
                    join accounting.account a on a.owner_id = g.grant_id
                        and a.kind = 'settled' and a.unit = 'micro_sek'
                    join accounting.balance b using (account_id)
                where g.fund_id = f.fund_id
            ), 0)::bigint as "settled!"
        from quotas.fund f where f.fund_id = $1
        "#,
        fund_id,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(fund) = fund else { return Ok(None) };
    let pools = pools(&mut *tx, fund_id).await?;
    let envelope = match fund.envelope_low.zip(fund.envelope_high) {
        Some((low, high)) => {
            let range = (usek(low)?, usek(high)?);
            Some(envelope(&mut *tx, range, (&fund.purpose, &pools), now).await?)
        }
        None => None,
    };
    Ok(Some(FundView {
        fund: FundRef { fund_id, name: fund.name },
        purpose: fund.purpose,
        conditions: fund.conditions,
        valid_from: fund.valid_from,
        valid_until: fund.valid_until,
        now,
        ceiling: usek(fund.ceiling)?,
        left: usek(fund.left)?,
        settled: usek(fund.settled)?,
        envelope,
        carry_over_ppm: fund.carry_over_ppm,
        pools,
        access_modes: access_modes(&mut *tx, fund_id).await?,
        proof: proof::proof(tx, fund_id).await?,
    }))
}

async fn pools(tx: &mut PgConnection, fund_id: Uuid) -> Result<Vec<FundPool>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select p.pool_id, p.cluster, p.class, p.partition, p.valid_from, p.valid_until,
            p.gpu_seconds as reserved, coalesce(l.amount, 0)::bigint as "left!",
            coalesce(u.amount, 0)::bigint as "used!"
        from quotas.pool p
            left join lateral (
                select sum(b.amount) as amount
                from accounting.account a join accounting.balance b using (account_id)
                where a.owner_id = p.pool_id and a.kind = 'pool' and a.unit = 'gpu_seconds'
            ) l on true
            left join lateral (
                select sum(b.amount) as amount
                from accounting.grant_opening g
                    join accounting.account a on a.owner_id = g.grant_id
                        and a.kind = 'settled' and a.unit = 'gpu_seconds'
                    join accounting.balance b using (account_id)
                where g.pool_id = p.pool_id
            ) u on true
        where p.fund_id = $1
        order by p.cluster, p.class, p.valid_from, p.pool_id
        "#,
        fund_id,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(FundPool {
                pool_id: row.pool_id,
                cluster: row.cluster,
                class: row.class,
                partition: row.partition,
                valid_from: row.valid_from,
                valid_until: row.valid_until,
                reserved: gpu_seconds(row.reserved)?,
                left: gpu_seconds(row.left)?,
                used: gpu_seconds(row.used)?,
            })
        })
        .collect()
}

/// The range in money, and in time by the rate of each place where the fund has a pool.
async fn envelope(
    tx: &mut PgConnection,
    (low, high): (MicroSek, MicroSek),
    (purpose, pools): (&str, &[FundPool]),
    now: DateTime<Utc>,
) -> Result<EnvelopeView, sqlx::Error> {
    let mut places: Vec<(&str, &str)> =
        pools.iter().map(|pool| (pool.class.as_str(), pool.partition.as_str())).collect();
    places.sort_unstable();
    places.dedup();
    let rates = match rate_card::rates_for(tx, &places, payee(purpose), now).await {
        Ok(rates) => rates,
        Err(RateError::Database(error)) => return Err(error),
        Err(contradiction) => return Err(impossible(contradiction)),
    };
    let bought = rates.into_iter().map(|rate| {
        let price = rate.price().map_err(impossible)?;
        Ok(Bought {
            price_usek_per_gpu_hour: usek(rate.price_usek_per_gpu_hour)?,
            factor_ppm: rate.factor_ppm,
            class: rate.class,
            partition: rate.partition,
            rate_card_name: rate.rate_card_name,
            low: price.most_within(low),
            high: price.most_within(high),
        })
    });
    let bought = bought.collect::<Result<_, sqlx::Error>>()?;
    Ok(EnvelopeView { low, high, bought })
}

/// The kind of applicant that a fund of this purpose pays for, as rate cards name it.
fn payee(purpose: &str) -> &'static str {
    match purpose {
        "public_sector" => "public_body",
        "research" => "academia",
        "innovation" => "sme",
        _ => rate_card::ANY_CATEGORY,
    }
}

async fn access_modes(
    tx: &mut PgConnection,
    fund_id: Uuid,
) -> Result<Vec<AccessMode>, sqlx::Error> {
    let rows = sqlx::query!(
        "select name, min_gpu_seconds, max_gpu_seconds, max_days
         from quotas.access_mode where fund_id = $1 order by min_gpu_seconds, name",
        fund_id,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(AccessMode {
                name: row.name,
                least: gpu_seconds(row.min_gpu_seconds)?,
                most: gpu_seconds(row.max_gpu_seconds)?,
                max_days: row.max_days,
            })
        })
        .collect()
}
