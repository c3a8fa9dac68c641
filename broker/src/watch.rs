//! The watcher: looks at Slurm every second and moves attempts along.
//!
//! slurmctld tells what runs where; slurmdbd tells what is owed. Both are stored raw before they
//! are acted on. The watcher never writes to Slurm itself: it only wants effects.

mod controller;
mod expiry;
mod lost;
mod owed;
mod ready;
mod stranger;
#[cfg(test)]
mod tests;

use std::time::Duration;

use lost::Lost;
use slurm_wire::{Answer, Call};
use tokio::sync::watch;

use crate::app::App;
use crate::gateway::GatewayError;
use crate::plan::attempt;

pub(crate) use owed::gpus_of;

/// Watches until `stop` turns true.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let pause = Duration::from_millis(app.config.duties.watch_ms);
    let mut silent = false;
    let mut lost = Lost::default();
    while !*stop.borrow() {
        match tick(&app, &mut lost).await {
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

/// Looks for strangers and for holds whose time is up until `stop` turns true.
///
/// Apart from the watching of jobs: neither is a matter of a second, and neither may slow it down.
pub async fn run_rounds(app: App, mut stop: watch::Receiver<bool>) {
    let pause = Duration::from_millis(app.config.duties.round_ms);
    let mut silent = false;
    while !*stop.borrow() {
        let strangers = stranger::look(&app).await;
        let rounds = strangers.and(expiry::look(&app).await);
        if let Err(error) = &rounds
            && !silent
        {
            tracing::warn!(error = format!("{error:#}"), "a round over the cluster failed");
        }
        silent = rounds.is_err();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
}

/// One look. Where it fails, nothing is known to be lost: that takes looking without a break.
async fn tick(app: &App, lost: &mut Lost) -> anyhow::Result<()> {
    let looked = look(app, lost).await;
    if looked.is_err() {
        lost.forget_all();
    }
    looked
}

/// Jobs from slurmctld, records of those that ended, and what has become ready.
async fn look(app: &App, lost: &mut Lost) -> anyhow::Result<()> {
    let attempts = attempt::open(&mut *app.db.acquire().await?).await?;
    app.metrics.attempts_open(attempts.len());
    if attempts.is_empty() {
        lost.forget_all();
        return Ok(());
    }
    let job_ids = attempts.iter().map(|attempt| attempt.spec.job_id).collect();
    let Answer::Jobs(jobs) = app.gateway.call(&Call::ReadJobs { job_ids }).await? else {
        return Err(GatewayError::OutOfTurn.into());
    };
    let over = controller::observe(app, &attempts, &jobs).await;
    ready::want_releases(app).await?;
    ready::want_cancels(app).await?;
    owed::settle(app, &over, lost).await
}
