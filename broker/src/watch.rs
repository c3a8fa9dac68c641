//! The watcher: looks at Slurm every second and moves attempts along.
//!
//! slurmctld tells what runs where; slurmdbd tells what is owed. Both are stored raw before they
//! are acted on. The watcher never writes to Slurm itself: it only wants effects.

mod controller;
mod owed;
mod ready;

use std::time::Duration;

use slurm_wire::{Answer, Call};
use tokio::sync::watch;

use crate::app::App;
use crate::gateway::GatewayError;
use crate::plan::attempt;

/// Watches until `stop` turns true.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let pause = Duration::from_millis(app.config.duties.watch_ms);
    let mut silent = false;
    while !*stop.borrow() {
        match tick(&app).await {
            Ok(()) => {
                if silent {
                    tracing::info!("Slurm answers again");
                }
                silent = false;
                app.metrics.slurm_answers(true);
            }
            Err(error) => {
                // Said once when it begins, not every second while it lasts.
                if !silent {
                    tracing::warn!(error = format!("{error:#}"), "watching Slurm failed");
                }
                silent = true;
                app.metrics.slurm_answers(false);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
}

/// One look: jobs from slurmctld, records of those that ended, and what has become ready.
async fn tick(app: &App) -> anyhow::Result<()> {
    let attempts = attempt::open(&mut *app.db.acquire().await?).await?;
    if attempts.is_empty() {
        return Ok(());
    }
    let job_ids = attempts.iter().map(|attempt| attempt.spec.job_id).collect();
    let Answer::Jobs(jobs) = app.gateway.call(&Call::ReadJobs { job_ids }).await? else {
        return Err(GatewayError::OutOfTurn.into());
    };
    let over = controller::observe(app, &attempts, &jobs).await?;
    ready::want_releases(app).await?;
    owed::settle(app, &over).await
}
