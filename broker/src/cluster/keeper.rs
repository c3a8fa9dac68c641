//! The keeper: looks at Slurm's accounts, users, QOS and reservations, and writes what is pending.
//!
//! One keeper works at a time on a cluster, whichever mimerd it is in: it holds an advisory lock of the database
//! for the length of a pass. What somebody changed in Slurm by hand it shows and leaves alone.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use record::{Actor, Stamp};
use sqlx::{PgConnection, Postgres, Transaction};
use tokio::sync::watch;

use super::apply::{self, Outcome};
use super::field::Field;
use super::line::Line;
use super::look::{View, look};
use super::object::Key;
use crate::app::App;
use crate::config::Keep;

/// Between two looks when nothing rings.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Before the next look after one that failed, or that did not get through everything.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// The longest one pass writes.
const PASS: TimeDelta = TimeDelta::seconds(60);
/// Seeds the advisory lock of whoever writes a cluster's policy: "mimer cl" in ASCII.
const LOCK: i64 = 0x6d69_6d65_7220_636c;

/// What a keeper has seen and said, so that it says it once.
#[derive(Debug, Default)]
pub struct Seen {
    /// Since when each difference made by hand is known.
    drift: BTreeMap<(Key, Field), DateTime<Utc>>,
    /// What failed at the last pass.
    failed: BTreeSet<String>,
}

/// How a pass went.
#[derive(Debug)]
pub enum Pass {
    /// Another keeper, or an operator's apply, is at work.
    Busy,
    /// It was done; what is left of pending differences comes with the next one.
    Done(Outcome),
}

/// Keeps Slurm until `stop` turns true.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let mut seen = Seen::default();
    let mut silent = false;
    while !*stop.borrow() {
        if app.cluster.keep == Keep::Off {
            let _ = stop.changed().await;
            continue;
        }
        let mut pause = LOOK_EVERY;
        match pass(&app, &mut seen).await {
            Ok(Pass::Done(outcome)) => {
                silent = false;
                if outcome.left.iter().any(|line| line.can_apply) {
                    pause = LOOK_AGAIN;
                }
            }
            Ok(Pass::Busy) => pause = LOOK_AGAIN,
            Err(error) => {
                // Said once when it begins, not at every look while it lasts.
                if !silent {
                    let (cluster, error) = (&app.cluster.name, format!("{error:#}"));
                    tracing::warn!(cluster, error, "Slurm is not kept for now");
                }
                silent = true;
                pause = LOOK_AGAIN;
            }
        }
        tokio::select! {
            () = app.cluster_wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
}

/// One look, and what follows from it.
pub async fn pass(app: &App, seen: &mut Seen) -> anyhow::Result<Pass> {
    let Some(turn) = lock(app).await? else { return Ok(Pass::Busy) };
    let view = look(app).await?;
    let stamp = stamp(app);
    let mut tx = app.db.begin().await?;
    view.keep_in_mind(&mut tx, &app.cluster.name, &stamp).await?;
    tx.commit().await?;

    let pending: Vec<Line> =
        view.lines.iter().filter(|line| !line.drift && line.can_apply).cloned().collect();
    let outcome = match app.cluster.keep {
        Keep::Apply => apply::apply(app, &view, &pending, &stamp, app.clock.now() + PASS).await?,
        Keep::Show | Keep::Off => Outcome { left: vec![], ..Outcome::default() },
    };
    turn.rollback().await?;
    seen.note(app, &view, pending.len() - outcome.applied.len(), &outcome);
    Ok(Pass::Done(outcome))
}

/// The right to write the policy of the cluster that this App stands at, until the transaction ends;
/// `None` while another has it.
pub async fn lock(app: &App) -> Result<Option<Transaction<'static, Postgres>>, sqlx::Error> {
    let mut turn = app.db.begin().await?;
    let mine = try_lock(&mut turn, &app.cluster.name).await?;
    Ok(mine.then_some(turn))
}

async fn try_lock(turn: &mut PgConnection, cluster: &str) -> Result<bool, sqlx::Error> {
    let asked = sqlx::query_scalar!(
        r#"select pg_try_advisory_xact_lock(hashtextextended($1, $2)) as "mine!""#,
        cluster,
        LOCK,
    );
    asked.fetch_one(turn).await
}

fn stamp(app: &App) -> Stamp<'static> {
    Stamp {
        actor: Actor::Program("keeper"),
        now: app.clock.now(),
        why: None,
        trace_id: record::id::fresh(),
    }
}

impl Seen {
    /// Tells the metrics, and the log what is new.
    fn note(&mut self, app: &App, view: &View, pending: usize, outcome: &Outcome) {
        let now = app.clock.now();
        let drift: BTreeMap<_, _> = view
            .lines
            .iter()
            .filter(|line| line.drift)
            .map(|line| {
                let what = (line.key(), line.field.clone());
                let since = self.drift.get(&what).copied().unwrap_or(now);
                if since == now && !self.drift.contains_key(&what) {
                    tracing::warn!(object = line.object.word(), name = line.name,
                        field = %line.field, decides = line.decides.word(),
                        "Slurm is not as the broker left it; see `mimer cluster diff`");
                }
                (what, since)
            })
            .collect();
        let oldest = drift.values().min().map_or(0, |since| (now - *since).num_seconds());
        app.metrics.cluster_differs(&app.cluster.name, pending, drift.len(), oldest);
        self.drift = drift;

        let failed: BTreeSet<String> = outcome
            .failed
            .iter()
            .map(|failed| {
                let Line { object, name, .. } = &failed.line;
                format!("{} {name}: {}", object.word(), failed.error)
            })
            .collect();
        for sentence in failed.difference(&self.failed) {
            tracing::warn!(sentence, "Slurm did not take a change; it is tried again");
        }
        self.failed = failed;
    }
}
