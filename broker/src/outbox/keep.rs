//! Keeping the outbox small and seen: effects done long ago are removed, and what waits is measured.
//!
//! What an effect did stands in the audit trail, which nothing here touches. A row that is not done,
//! a dead letter included, is never removed; the database refuses that by itself.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use tokio::sync::watch;

use crate::app::App;

/// Between two rounds of removing.
const PRUNE_EVERY: Duration = Duration::from_secs(600);
/// Rows removed in one statement, so that none takes long.
const ROWS_AT_ONCE: i64 = 1_000;
/// Between two measurements.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// What waits in the outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Seconds since the effect that waits longest for a worker was due; 0 without one.
    pub oldest_due_s: i64,
    /// Effects that are not done, those in a pause or in a worker's hands included.
    pub undone: i64,
    /// Effects that were given up.
    pub dead_letters: i64,
}

/// Removes what was done long ago, until `stop` turns true.
pub async fn run_keeper(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = prune(&app).await {
            tracing::warn!(error = format!("{error:#}"), "effects done long ago are not removed");
        }
        tokio::select! {
            () = tokio::time::sleep(PRUNE_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

async fn prune(app: &App) -> anyhow::Result<()> {
    let before = app.clock.now() - TimeDelta::days(app.config.duties.outbox_keep_days);
    let mut connection = app.db.acquire().await?;
    while remove_done(&mut connection, before).await? == ROWS_AT_ONCE.unsigned_abs() {}
    Ok(())
}

/// Removes some of the effects that were done before; returns how many.
pub(super) async fn remove_done(
    tx: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let removed = sqlx::query!(
        "delete from broker.outbox where outbox_id in
             (select outbox_id from broker.outbox where done_at < $1
              order by done_at limit $2 for update skip locked)",
        before,
        ROWS_AT_ONCE,
    )
    .execute(tx)
    .await?;
    Ok(removed.rows_affected())
}

/// Measures what waits, until `stop` turns true. Every mimerd does, so that each can be asked.
pub async fn run_measure(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        // A database that does not answer is told of by others; the last figures stay.
        if let Ok(mut connection) = app.db.acquire().await
            && let Ok(waiting) = measure(&mut connection, app.clock.now()).await
        {
            app.metrics.outbox_waits(waiting);
        }
        tokio::select! {
            () = tokio::time::sleep(MEASURE_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Measures what waits; the cost does not grow with what is done.
pub(super) async fn measure(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Waiting, sqlx::Error> {
    let due = sqlx::query!(
        r#"select count(*) as "count!", min(next_at) as first_at
           from broker.outbox where done_at is null and gave_up_at is null"#
    )
    .fetch_one(&mut *tx)
    .await?;
    let dead_letters = sqlx::query_scalar!(
        r#"select count(*) as "count!" from broker.outbox
           where gave_up_at is not null and done_at is null"#
    )
    .fetch_one(tx)
    .await?;
    let oldest_due_s = due.first_at.map_or(0, |first| (now - first).num_seconds().max(0));
    Ok(Waiting { oldest_due_s, undone: due.count, dead_letters })
}
