//! The workers that carry effects out, and the doors that every effect goes through: [`ask`] for
//! Slurm, [`record`] and [`commit`] for what is written down.

use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use slurm_wire::{Answer, Call};
use sqlx::{Postgres, Transaction};
use tokio::sync::watch;

use super::crash::{Step, point};
use super::{Claimed, Effect, Lease, Takes, claim, done, fetch, job, later, life, renew};
use crate::app::App;
use crate::gateway::GatewayError;

/// What became of one effect.
pub(super) enum Outcome {
    /// Done, and already marked so in the transaction that recorded the result.
    Recorded,
    /// Done; nothing else to record.
    Done,
    /// Not now; try again, with the reason for the operator.
    Later(String),
}

/// How often a lease is renewed: well within its length. Tests do not wait that long.
const RENEW_EVERY: Duration =
    if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(20) };

/// Runs the configured number of workers until `stop` turns true.
///
/// Half of them leave transfers alone: those take hours, a cancellation must not. Where there are
/// several clusters, each has one worker more of its own: a gateway that is there and says nothing keeps
/// a worker until its deadline, and may so keep all the others at once.
pub async fn run_workers(app: App, stop: watch::Receiver<bool>) {
    let mut workers = tokio::task::JoinSet::new();
    let count = app.config.duties.outbox_workers;
    for place in 0..count {
        let takes = if place < count / 2 { Takes::ShortOnly } else { Takes::Everything };
        workers.spawn(work(app.clone(), takes, stop.clone()));
    }
    if app.clusters.only().is_none() {
        for here in app.each() {
            workers.spawn(work(here, Takes::OwnCluster, stop.clone()));
        }
    }
    while let Some(ended) = workers.join_next().await {
        // A worker that panicked has logged why. The duty ends with it, and mimerd says so.
        if ended.is_err() {
            return;
        }
    }
}

/// Makes one call to a cluster's Slurm on behalf of an effect. An effect on a cluster that is not in
/// the configuration waits until it is.
pub(super) async fn ask(app: &App, cluster: &str, call: &Call) -> Result<Answer, GatewayError> {
    point(Step::Asking).await;
    let answer = app.clusters.gateway(cluster)?.call(call).await;
    point(Step::Answered).await;
    answer
}

/// Commits what an effect has written.
pub(super) async fn commit(tx: Transaction<'_, Postgres>) -> Result<(), sqlx::Error> {
    point(Step::Committing).await;
    tx.commit().await?;
    point(Step::Committed).await;
    Ok(())
}

/// Marks an effect done and commits what it has written, or rolls all of it back if another worker
/// was quicker: its lease had run out, and what it did is told already.
pub(super) async fn record(
    mut tx: Transaction<'_, Postgres>,
    claimed: &Claimed,
    now: DateTime<Utc>,
) -> anyhow::Result<Outcome> {
    if done(&mut tx, claimed.lease.outbox_id, now).await? {
        commit(tx).await?;
    } else {
        tx.rollback().await?;
    }
    Ok(Outcome::Recorded)
}

async fn work(app: App, takes: Takes, mut stop: watch::Receiver<bool>) {
    let idle = Duration::from_millis(app.config.duties.outbox_idle_ms);
    while !*stop.borrow() {
        match one(&app, takes).await {
            Ok(true) => {}
            Ok(false) => {
                tokio::select! {
                    // A bell rung for all must not wake one who may take nothing of it.
                    () = app.outbox_wake.notified(), if takes != Takes::OwnCluster => {}
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
pub(super) async fn one(app: &App, takes: Takes) -> anyhow::Result<bool> {
    let mut connection = app.db.acquire().await.context("connecting to the database")?;
    let Some(in_line) = claim(&mut connection, (takes, &app.cluster.name), app.clock.now()).await?
    else {
        return Ok(false);
    };
    let claimed = match in_line.read() {
        Ok(claimed) => claimed,
        Err((lease, error)) => {
            let reason = format!("this release of mimerd does not know the effect: {error}");
            postpone(app, lease, &reason).await?;
            return Ok(true);
        }
    };
    drop(connection);
    point(Step::Claimed).await;
    let bound = app.config.duties.outbox_tries;
    if claimed.lease.tries > bound {
        // Whoever fails says so; this one has ended every mimerd that took it up.
        let reason = format!("it was taken up {bound} times, and the last never said how it went");
        postpone(app, claimed.lease, &reason).await?;
        return Ok(true);
    }

    let outcome = with_renewal(app, &claimed).await;
    let name = claimed.effect.name();
    match outcome {
        Ok(Outcome::Recorded) => app.metrics.effect(name, "done"),
        Ok(Outcome::Done) => {
            point(Step::Marking).await;
            done(&mut *app.db.acquire().await?, claimed.lease.outbox_id, app.clock.now()).await?;
            point(Step::Marked).await;
            app.metrics.effect(name, "done");
        }
        Ok(Outcome::Later(reason)) => {
            postpone(app, claimed.lease, &reason).await?;
            app.metrics.effect(name, "later");
        }
        Err(error) => {
            let reason = format!("{error:#}");
            tracing::warn!(outbox.id = %claimed.lease.outbox_id, effect = name, error = reason,
                "an effect failed and will be tried again");
            postpone(app, claimed.lease, &reason).await?;
            app.metrics.effect(name, "failed");
        }
    }
    Ok(true)
}

/// Puts the effect back in line. Giving it up is said aloud: somebody must act.
async fn postpone(app: &App, lease: Lease, reason: &str) -> anyhow::Result<()> {
    let bound = app.config.duties.outbox_tries;
    point(Step::Postponing).await;
    later(&mut *app.db.acquire().await?, lease, bound, reason, app.clock.now()).await?;
    point(Step::Postponed).await;
    if lease.tries >= bound {
        tracing::error!(outbox.id = %lease.outbox_id, reason,
            "an effect was given up; see `mimer dead-letter list`, mend the cause and retry it");
    }
    Ok(())
}

/// Carries the effect out, renewing its lease as long as that takes. A renewal that fails is no
/// reason to break the effect off: if another worker takes it over, it is done twice, harmlessly.
async fn with_renewal(app: &App, claimed: &Claimed) -> anyhow::Result<Outcome> {
    let carried_out = carry_out(app, claimed);
    tokio::pin!(carried_out);
    loop {
        tokio::select! {
            outcome = &mut carried_out => return outcome,
            () = tokio::time::sleep(RENEW_EVERY) => {}
        }
        let renewal = async {
            point(Step::Renewing).await;
            renew(&mut *app.db.acquire().await?, claimed.lease, app.clock.now()).await?;
            point(Step::Renewed).await;
            Ok::<_, sqlx::Error>(())
        };
        tokio::select! {
            outcome = &mut carried_out => return outcome,
            renewed = renewal => if let Err(error) = renewed {
                tracing::warn!(outbox.id = %claimed.lease.outbox_id, error = %error,
                    "the lease of an effect was not renewed");
            }
        }
    }
}

async fn carry_out(app: &App, claimed: &Claimed) -> anyhow::Result<Outcome> {
    match claimed.effect {
        Effect::Submit { attempt_id } => job::submit(app, claimed, attempt_id).await,
        Effect::Release { attempt_id } => job::release(app, claimed, attempt_id).await,
        Effect::Cancel { attempt_id } => job::cancel(app, claimed, attempt_id).await,
        Effect::Hold { attempt_id } => job::hold(app, claimed, attempt_id).await,
        Effect::CancelStranger { exception_id } => job::cancel_stranger(app, exception_id).await,
        Effect::Nudge { attempt_id } => job::nudge(app, attempt_id).await,
        Effect::SetTimeLimit { attempt_id, extension_id } => {
            life::set_time_limit(app, claimed, (attempt_id, extension_id)).await
        }
        Effect::Suspend { attempt_id } | Effect::Resume { attempt_id } => {
            life::follow_suspension(app, claimed, attempt_id).await
        }
        Effect::CancelOrphan { job_id, ref key } => life::cancel_orphan(app, job_id, key).await,
        Effect::FetchLink { link_id } => fetch::link(app, claimed, link_id).await,
    }
}
