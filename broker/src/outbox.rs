//! The outbox: effects on the outside world, wanted in a transaction and carried out after it.
//!
//! An effect is claimed with `skip locked` and leased: if mimerd dies in the middle, the lease runs
//! out and another worker, here or on another node, does it again. Every effect is idempotent. After
//! a bounded number of tries it becomes a dead letter that the operator sees and can retry.

mod effect;
mod fetch;
mod job;
mod worker;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub use effect::Effect;
pub use worker::run_workers;

/// How long a claimed effect is left alone before another worker may take it over.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// An effect a worker has claimed.
#[derive(Debug)]
struct Claimed {
    outbox_id: Uuid,
    effect: Effect,
    trace_id: Uuid,
    tries: i32,
}

/// Writes down an effect inside the caller's transaction; it happens after the commit.
pub async fn want(
    tx: &mut PgConnection,
    effect: &Effect,
    trace_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into broker.outbox (outbox_id, effect, trace_id, next_at) values ($1, $2, $3, $4)",
        record::id::fresh(),
        serde_json::json!(effect),
        trace_id,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Puts a dead letter back in line. Returns false if there is no such dead letter.
pub async fn retry(
    tx: &mut PgConnection,
    outbox_id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let changed = sqlx::query!(
        "update broker.outbox set gave_up_at = null, tries = 0, next_at = $2
         where outbox_id = $1 and gave_up_at is not null",
        outbox_id,
        now,
    )
    .execute(tx)
    .await?;
    Ok(changed.rows_affected() == 1)
}

async fn claim(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<Claimed>, anyhow::Error> {
    let row = sqlx::query!(
        "update broker.outbox set next_at = $2, tries = tries + 1
         where outbox_id =
             (select outbox_id from broker.outbox
              where done_at is null and gave_up_at is null and next_at <= $1
              order by next_at limit 1 for update skip locked)
         returning outbox_id, effect, trace_id, tries",
        now,
        now + LEASE,
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Claimed {
        outbox_id: row.outbox_id,
        effect: serde_json::from_value(row.effect)?,
        trace_id: row.trace_id,
        tries: row.tries,
    }))
}

/// Keeps a long effect from being taken over while it is still at work.
async fn renew(
    tx: &mut PgConnection,
    outbox_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update broker.outbox set next_at = $2 where outbox_id = $1",
        outbox_id,
        now + LEASE
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn done(
    tx: &mut PgConnection,
    outbox_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update broker.outbox set done_at = $2, last_error = null where outbox_id = $1",
        outbox_id,
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn later(
    tx: &mut PgConnection,
    claimed: &Claimed,
    bound: i32,
    error: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let gave_up_at = (claimed.tries >= bound).then_some(now);
    sqlx::query!(
        "update broker.outbox set next_at = $2, last_error = $3, gave_up_at = $4
         where outbox_id = $1",
        claimed.outbox_id,
        now + pause_after(claimed.tries),
        error,
        gave_up_at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The pause before the next try: doubling from a quarter of a second, at most 30 s.
fn pause_after(tries: i32) -> TimeDelta {
    let doublings = u32::try_from(tries.clamp(1, 8) - 1).unwrap_or(0);
    TimeDelta::milliseconds((250_i64 << doublings).min(30_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let pauses: Vec<i64> = (1..=10).map(|tries| pause_after(tries).num_milliseconds()).collect();
        assert_eq!(pauses[..4], [250, 500, 1000, 2000]);
        assert_eq!(pauses[9], 30_000);
    }
}
