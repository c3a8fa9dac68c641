//! The broker's other duties: sealing, and looking at permits of what runs.

use std::time::Duration;

use record::SealedTable;
use record::seal;
use sqlx::PgPool;
use tokio::sync::watch;

use crate::app::App;
use crate::witness;

/// Every table whose rows are sealed, in the order they are chained.
pub fn sealed_tables() -> Vec<SealedTable> {
    [record::SEALED_TABLES, accounting::SEALED_TABLES, staging::SEALED_TABLES].concat()
}

/// Seals new rows until `stop` turns true, and once more at the end.
pub async fn run_sealer(app: App, sealer: PgPool, mut stop: watch::Receiver<bool>) {
    let pause = Duration::from_millis(app.config.duties.seal_ms);
    let tables = sealed_tables();
    loop {
        let stopping = *stop.borrow();
        match seal::seal_new_rows(&sealer, &tables, app.clock.now()).await {
            Ok(sealed) => {
                app.metrics.sealed(sealed);
                if let Err(error) = witness::remember(&sealer, &app.config.state_dir).await {
                    tracing::error!(error = format!("{error:#}"), "the witness is not moved on");
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
