//! The outbox: effects on the outside world, wanted in a transaction and carried out after it.
//!
//! An effect is claimed with `skip locked` and leased: if mimerd dies in the middle, the lease runs
//! out and another worker, here or on another node, does it again. Every effect is idempotent. After
//! a bounded number of tries it becomes a dead letter that the operator sees and can retry.
//!
//! The number of tries is also the claim's own mark: a worker that lost its lease cannot renew,
//! postpone or bury what another worker has taken over.
//!
//! Effects of one attempt have no order among themselves: two workers, on two nodes, may carry two of
//! them out at once, and one may stall for minutes in the middle. What keeps them right:
//!
//! 1. Every effect looks at its attempt before it asks Slurm, and does nothing that is no longer
//!    wanted: a release not when the attempt is over, to be cancelled or held back; a hold or a nudge
//!    not when the attempt has moved on.
//! 2. A cancellation withdraws a submission that no worker ever took up. One that was taken up may be
//!    on its way: the cancellation waits until Slurm has the job, or until Slurm refused it.
//! 3. Whoever changed Slurm looks at the attempt again in the transaction that records it. A release
//!    that finds the attempt held back meanwhile wants the hold again; a submission that finds its
//!    attempt over cancels the job that it has just made.
//! 4. What one effect did is told once: the transaction that records it marks the effect done, and
//!    is rolled back if another worker has marked it.
//! 5. States never go back, so the later of two that tell the same thing changes nothing.

mod crash;
mod effect;
mod fetch;
mod job;
mod keep;
mod life;
mod worker;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

pub use effect::Effect;
pub use keep::{Waiting, run_keeper, run_measure};
pub use worker::run_workers;

/// How long a claimed effect is left alone before another worker may take it over.
const LEASE: TimeDelta = TimeDelta::seconds(60);

/// An effect a worker has claimed.
#[derive(Clone, Debug)]
struct Claimed {
    lease: Lease,
    effect: Effect,
    trace_id: Uuid,
}

/// A worker's right to an effect. The next claim counts one try more, which ends this one.
#[derive(Clone, Copy, Debug)]
struct Lease {
    outbox_id: Uuid,
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

/// Which effects a worker takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// Whatever is due.
    Everything,
    /// Only what is soon over, so that no number of transfers keeps a cancellation waiting.
    ShortOnly,
    /// Only what is for the cluster that the worker stands at, so that no other, however long its
    /// gateway keeps everybody else waiting, keeps this one's effects waiting.
    OwnCluster,
}

/// An effect in line, as it is stored. One that this release cannot read is postponed by its
/// claimer like any other that fails.
#[derive(Debug)]
struct InLine {
    outbox_id: Uuid,
    effect: serde_json::Value,
    trace_id: Uuid,
    tries: i32,
}

impl InLine {
    fn read(self) -> Result<Claimed, (Lease, serde_json::Error)> {
        let lease = Lease { outbox_id: self.outbox_id, tries: self.tries };
        match serde_json::from_value(self.effect) {
            Ok(effect) => Ok(Claimed { lease, effect, trace_id: self.trace_id }),
            Err(error) => Err((lease, error)),
        }
    }
}

/// The next effect in line that is taken here, at `cluster`.
async fn claim(
    tx: &mut PgConnection,
    (takes, cluster): (Takes, &str),
    now: DateTime<Utc>,
) -> Result<Option<InLine>, sqlx::Error> {
    sqlx::query_as!(
        InLine,
        "update broker.outbox set next_at = $2, tries = tries + 1
         where outbox_id =
             (select outbox_id from broker.outbox
              where done_at is null and gave_up_at is null and next_at <= $1
                and ($3 or effect->>'effect' <> 'fetch_link')
                and ($4::text is null or $4 = (select a.cluster from broker.attempt a
                    where a.attempt_id = (effect->>'attempt_id')::uuid))
              order by next_at limit 1 for update skip locked)
         returning outbox_id, effect, trace_id, tries",
        now,
        now + LEASE,
        takes == Takes::Everything,
        (takes == Takes::OwnCluster).then_some(cluster),
    )
    .fetch_optional(tx)
    .await
}

/// Keeps a long effect from being taken over while it is still at work.
async fn renew(tx: &mut PgConnection, lease: Lease, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update broker.outbox set next_at = $3
         where outbox_id = $1 and tries = $2 and done_at is null",
        lease.outbox_id,
        lease.tries,
        now + LEASE
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Marks an effect done, whoever did it: it is idempotent, so another worker's try changes nothing.
/// Returns false if another worker has marked it, and so has told everything about it.
async fn done(
    tx: &mut PgConnection,
    outbox_id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let marked = sqlx::query!(
        "update broker.outbox set done_at = $2, last_error = null, gave_up_at = null
         where outbox_id = $1 and done_at is null",
        outbox_id,
        now
    )
    .execute(tx)
    .await?;
    Ok(marked.rows_affected() == 1)
}

/// Puts an effect back in line after a pause, or away as a dead letter after `bound` tries.
async fn later(
    tx: &mut PgConnection,
    lease: Lease,
    bound: i32,
    error: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let gave_up_at = (lease.tries >= bound).then_some(now);
    sqlx::query!(
        "update broker.outbox set next_at = $3, last_error = $4, gave_up_at = $5
         where outbox_id = $1 and tries = $2 and done_at is null",
        lease.outbox_id,
        lease.tries,
        now + pause_after(lease),
        error,
        gave_up_at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes back the wish to submit an attempt, if no worker has ever taken it up. Slurm has then
/// never heard of the job. Returns false if it may have.
async fn withdraw_submit(
    tx: &mut PgConnection,
    attempt_id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let withdrawn = sqlx::query!(
        "update broker.outbox set done_at = $2
         where effect->>'attempt_id' = $1 and effect->>'effect' = 'submit'
           and done_at is null and tries = 0 and last_error is null",
        attempt_id.to_string(),
        now,
    )
    .execute(tx)
    .await?;
    Ok(withdrawn.rows_affected() == 1)
}

/// The pause before the next try: doubling from a quarter of a second, at most 30 s, and a quarter
/// more or less, so that what failed together does not come back together.
fn pause_after(lease: Lease) -> TimeDelta {
    let doublings = u32::try_from(lease.tries.clamp(1, 8) - 1).unwrap_or(0);
    let pause_ms = (250_i64 << doublings).min(30_000);
    // The id's last bits are random; the tries spread one effect's own pauses.
    let drawn = lease.outbox_id.as_u128() ^ (u128::from(lease.tries.unsigned_abs()) * 0x9e37_79b9);
    let permille = 750 + i64::try_from(drawn % 501).unwrap_or(250);
    TimeDelta::milliseconds(pause_ms * permille / 1000)
}

#[cfg(test)]
mod tests;
