//! The end of a crisis at its time, and who made way while it lasted.

use std::time::Duration;

use chrono::TimeDelta;
use record::{Actor, Stamp};
use serde_json::json;
use tokio::sync::watch;

use super::report;
use crate::app::App;

/// How often crises are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long after its end slurmdbd is still asked who made way: it lags slurmctld by seconds.
const ASK_UNTIL_AFTER_END: TimeDelta = TimeDelta::minutes(5);

/// Every so many looks slurmdbd is asked who made way.
const ASK_EVERY: u32 = 5;

/// Looks at crises until `stop` turns true.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut looks: u32 = 0;
    while !*stop.borrow() {
        if let Err(error) = end_due(&app).await {
            tracing::error!(error = format!("{error:#}"), "crises cannot be ended");
        }
        if looks.is_multiple_of(ASK_EVERY)
            && let Err(error) = gather(&app).await
        {
            tracing::warn!(error = format!("{error:#}"), "who made way cannot be read");
        }
        looks = looks.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Ends every crisis whose time has come, and has Slurm put back to what it was.
pub(super) async fn end_due(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let ended = sqlx::query!(
        "update broker.crisis set ended_at = ends_at
         where ended_at is null and ends_at <= $1
         returning crisis_id, confirmed_at is not null as \"active!\"",
        now,
    )
    .fetch_all(&mut *tx)
    .await?;
    for crisis in &ended {
        let trace_id = record::id::fresh();
        let stamp = Stamp { actor: Actor::Program("crisis"), now, why: None, trace_id };
        let action = if crisis.active { "crisis.end" } else { "crisis.lapse" };
        stamp
            .audit(&mut tx, action, ("crisis", crisis.crisis_id), json!({ "early": false }))
            .await?;
    }
    tx.commit().await?;
    if ended.iter().any(|crisis| crisis.active) {
        tracing::warn!("a crisis has ended; Slurm is put back to what it was");
        app.clusters.wake();
    }
    Ok(())
}

/// Asks slurmdbd who made way during crises that last or have just ended.
async fn gather(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    let recent = sqlx::query_scalar!(
        r#"select crisis_id from broker.crisis
           where confirmed_at is not null and coalesce(ended_at, $1) > $1 - $2::interval"#,
        now,
        sqlx::postgres::types::PgInterval::try_from(ASK_UNTIL_AFTER_END)
            .map_err(|error| anyhow::anyhow!(error))?,
    )
    .fetch_all(&app.db)
    .await?;
    for crisis_id in recent {
        report::gather(app, crisis_id).await?;
    }
    Ok(())
}
