//! The workers that carry effects out.

use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;

use super::{Claimed, Effect, claim, done, fetch, job, later, renew};
use crate::app::App;

/// What became of one effect.
pub(super) enum Outcome {
    /// Done, and already marked so in the transaction that recorded the result.
    Recorded,
    /// Done; nothing else to record.
    Done,
    /// Not now; try again, with the reason for the operator.
    Later(String),
}

/// Runs the configured number of workers until `stop` turns true.
pub async fn run_workers(app: App, stop: watch::Receiver<bool>) {
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..app.config.duties.outbox_workers {
        workers.spawn(work(app.clone(), stop.clone()));
    }
    while workers.join_next().await.is_some() {}
}

async fn work(app: App, mut stop: watch::Receiver<bool>) {
    let idle = Duration::from_millis(app.config.duties.outbox_idle_ms);
    while !*stop.borrow() {
        match one(&app).await {
            Ok(true) => {}
            Ok(false) => {
                tokio::select! {
                    () = app.outbox_wake.notified() => {}
                    () = tokio::time::sleep(idle) => {}
                    _ = stop.changed() => {}
                }
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "the outbox cannot be worked on");
                tokio::time::sleep(idle).await;
            }
        }
    }
}

/// Carries out one effect, if one is due.
async fn one(app: &App) -> anyhow::Result<bool> {
    let mut connection = app.db.acquire().await.context("connecting to the database")?;
    let Some(claimed) = claim(&mut connection, app.clock.now()).await? else { return Ok(false) };
    drop(connection);

    let outcome = with_renewal(app, &claimed).await;
    let name = claimed.effect.name();
    let mut connection = app.db.acquire().await?;
    let now = app.clock.now();
    match outcome {
        Ok(Outcome::Recorded) => app.metrics.effect(name, "done"),
        Ok(Outcome::Done) => {
            done(&mut connection, claimed.outbox_id, now).await?;
            app.metrics.effect(name, "done");
        }
        Ok(Outcome::Later(reason)) => {
            later(&mut connection, &claimed, app.config.duties.outbox_tries, &reason, now).await?;
            app.metrics.effect(name, "later");
        }
        Err(error) => {
            let reason = format!("{error:#}");
            tracing::warn!(outbox.id = %claimed.outbox_id, effect = name, error = reason,
                "an effect failed and will be tried again");
            later(&mut connection, &claimed, app.config.duties.outbox_tries, &reason, now).await?;
            app.metrics.effect(name, "failed");
        }
    }
    Ok(true)
}

/// Carries the effect out, renewing its lease as long as that takes.
async fn with_renewal(app: &App, claimed: &Claimed) -> anyhow::Result<Outcome> {
    let carried_out = carry_out(app, claimed);
    tokio::pin!(carried_out);
    loop {
        tokio::select! {
            outcome = &mut carried_out => return outcome,
            () = tokio::time::sleep(Duration::from_secs(20)) => {
                let mut connection = app.db.acquire().await?;
                renew(&mut connection, claimed.outbox_id, app.clock.now()).await?;
            }
        }
    }
}

async fn carry_out(app: &App, claimed: &Claimed) -> anyhow::Result<Outcome> {
    match claimed.effect {
        Effect::Submit { attempt_id } => job::submit(app, claimed, attempt_id).await,
        Effect::Release { attempt_id } => job::release(app, claimed, attempt_id).await,
        Effect::Cancel { attempt_id } => job::cancel(app, claimed, attempt_id).await,
        Effect::FetchLink { link_id } => fetch::link(app, claimed, link_id).await,
    }
}
