//! The broker's other duties: sealing, looking at permits of what runs, ending grants at their time.

use std::time::Duration;

use quotas::grant_change;
use record::seal::{self, Reach};
use record::{Actor, SealedTable, Stamp};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::app::App;
use crate::witness;

/// Every table whose rows are sealed, in the order they are chained.
pub fn sealed_tables() -> Vec<SealedTable> {
    [record::SEALED_TABLES, accounting::SEALED_TABLES, staging::SEALED_TABLES].concat()
}

/// How often the sealer looks at everything there is, not just at what is recent: at its start, and
/// then so.
const LOOKS_AT_EVERYTHING_EVERY: Duration = Duration::from_secs(600);

/// Seals new rows until `stop` turns true, and once more at the end.
pub async fn run_sealer(app: App, sealer: PgPool, mut stop: watch::Receiver<bool>) {
    let pause = Duration::from_millis(app.config.duties.seal_ms);
    let tables = sealed_tables();
    let mut looked_at_everything: Option<Instant> = None;
    loop {
        let stopping = *stop.borrow();
        let begun = Instant::now();
        let reach = reach(looked_at_everything.map(|at| begun - at));
        match seal::seal_new_rows(&sealer, &tables, reach, app.clock.now()).await {
            Ok(sealed) => {
                app.metrics.sealed(sealed);
                if reach == Reach::Everything {
                    looked_at_everything = Some(begun);
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "sealing failed; the unsealed tail grows");
            }
        }
        if stopping {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
}

/// How far the sealer looks, so long after it last looked at everything.
fn reach(since: Option<Duration>) -> Reach {
    match since {
        Some(since) if since < LOOKS_AT_EVERYTHING_EVERY => Reach::Recent,
        _ => Reach::Everything,
    }
}

/// Remembers the newest seal outside the database until `stop` turns true, and once more at the end.
/// Every mimerd does, on its own machine, whoever seals.
pub async fn run_witness(app: App, sealer: PgPool, mut stop: watch::Receiver<bool>) {
    let pause = Duration::from_millis(app.config.duties.seal_ms);
    let mut silent = false;
    loop {
        let stopping = *stop.borrow();
        let remembered = witness::remember(&sealer, &app.config.state_dir).await;
        if let Err(error) = &remembered
            && !silent
        {
            tracing::error!(error = format!("{error:#}"), "the witness is not moved on");
        }
        silent = remembered.is_err();
        if stopping {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Looks at the permits of everything that waits or runs, well within a minute, and stops what no
/// longer has one.
pub async fn run_permit_watch(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = crate::plan::permit::stop_unpermitted(&app).await {
            tracing::error!(error = format!("{error:#}"), "permits cannot be checked");
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(15)) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Grants that are ended in one transaction.
const GRANTS_AT_ONCE: i64 = 200;

/// Ends grants at their time: what is free of them goes back to pool and fund. What running jobs
/// still hold goes back when they are settled, on a later look.
pub async fn run_grant_ends(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        match end_grants(&app).await {
            Ok(true) => app.clusters.wake(),
            Ok(false) => {}
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "grants cannot be ended");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(15)) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Ends what is due; returns whether anything was.
async fn end_grants(app: &App) -> anyhow::Result<bool> {
    let now = app.clock.now();
    let stamp =
        Stamp { actor: Actor::Program("grants"), now, why: None, trace_id: record::id::fresh() };
    let mut tx = app.db.begin().await?;
    let ended = grant_change::expire_due(&mut tx, now, GRANTS_AT_ONCE, &stamp).await?;
    tx.commit().await?;
    for grant in &ended {
        tracing::info!(grant.id = %grant.grant_id, project.id = %grant.project_id,
            gpu_seconds = grant.gpu_seconds.get(), "a grant has ended; what was left went back");
    }
    Ok(!ended.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sealer_looks_at_everything_first_and_every_ten_minutes() {
        assert_eq!(reach(None), Reach::Everything);
        assert_eq!(reach(Some(Duration::from_secs(599))), Reach::Recent);
        assert_eq!(reach(Some(Duration::from_secs(600))), Reach::Everything);
    }
}
