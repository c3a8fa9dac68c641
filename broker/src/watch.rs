//! The watcher: follows Slurm and moves attempts along.
//!
//! slurmctld tells what runs where; slurmdbd tells what is owed. Both are stored raw before they
//! are acted on. Of slurmctld only what changed is taken in; of slurmdbd what ended since it was last
//! read. The watcher never writes to Slurm itself: it only wants effects.
//!
//! What it remembers of slurmctld is in memory. Losing it, or running twice, costs work and changes
//! nothing: every step is made under its attempt's lock and may be made again.

mod controller;
mod expiry;
mod follow;
mod keep_record;
mod late;
mod lost;
mod mark;
mod orphan;
mod owed;
mod raw;
mod ready;
mod records;
mod roll;
mod run;
mod runaway;
mod settle;
mod start;
mod stranger;
#[cfg(test)]
mod tests;
mod unextended;
mod unreleased;
mod verdict;
mod window;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use follow::Followed;
use lost::Lost;
use owed::{Look, Waiting};
use records::Reading;
use slurm_wire::{Answer, Call};
use tokio::sync::watch;
use unreleased::Silence;

use crate::app::App;
use crate::gateway::GatewayError;

pub(crate) use keep_record::of_jobs as records_of;
pub(crate) use run::gpus_of;
pub(crate) use start::made_way;

/// How often it is written down that slurmctld answers.
const MARKED_EVERY: TimeDelta = TimeDelta::seconds(10);

/// Watches until `stop` turns true. At most one at a time per cluster, or work is done twice.
pub async fn run(app: App, mut stop: watch::Receiver<bool>) {
    let pause = Duration::from_millis(app.config.duties.watch_ms);
    let mut silent = false;
    let mut watcher = Watcher::default();
    while !*stop.borrow() {
        match watcher.look(&app).await {
            Ok(()) => {
                if silent {
                    tracing::info!(cluster = app.cluster.name, "Slurm answers again");
                }
                silent = false;
                app.metrics.slurm_answers(&app.cluster.name, true);
            }
            Err(error) => {
                // Said once when it begins, not every second while it lasts.
                if !silent {
                    let (cluster, error) = (&app.cluster.name, format!("{error:#}"));
                    tracing::warn!(cluster, error, "watching Slurm failed");
                }
                silent = true;
                app.metrics.slurm_answers(&app.cluster.name, false);
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
        let starts = crate::script_start::look(&app).await;
        let rounds = strangers.and(starts).and(expiry::look(&app).await);
        if let Err(error) = &rounds
            && !silent
        {
            let (cluster, error) = (&app.cluster.name, format!("{error:#}"));
            tracing::warn!(cluster, error, "a round over the cluster failed");
        }
        silent = rounds.is_err();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
}

/// What one watcher remembers from look to look.
#[derive(Debug, Default)]
struct Watcher {
    followed: Followed,
    reading: Reading,
    waiting: Waiting,
    lost: Lost,
    silence: Silence,
    marked_at: Option<DateTime<Utc>>,
}

impl Watcher {
    /// One look. What slurmdbd does not answer holds up nothing of what slurmctld tells; where either
    /// does not answer, nothing is known to be lost: that takes asking both without a break.
    async fn look(&mut self, app: &App) -> anyhow::Result<()> {
        if let Err(error) = self.follow(app).await {
            self.silence.not_answered();
            self.begin_anew();
            return Err(error);
        }
        ready::want_releases(app).await?;
        ready::want_cancels(app).await?;
        let owed = self.settle(app).await;
        if owed.is_err() {
            self.begin_anew();
        }
        owed
    }

    /// Of what was missed until now, nothing is known: it is asked for, and waited for, from the start.
    fn begin_anew(&mut self) {
        self.lost.forget_all();
        self.waiting.forget_all();
    }

    /// Takes in what changed in slurmctld.
    async fn follow(&mut self, app: &App) -> anyhow::Result<()> {
        let call = Call::WatchJobs { since: self.followed.cursor() };
        let Answer::Changes(changes) = app.gateway.call(&call).await? else {
            return Err(GatewayError::OutOfTurn.into());
        };
        if self.silence.has_only_begun() {
            let mut connection = app.db.acquire().await?;
            let mark = mark::read(&mut connection, &app.cluster.name, app.clock.now()).await?;
            self.silence.had_answered(mark.watched_at);
        }
        let forgotten_since = self.silence.answered(app.clock.now());
        let news = self.followed.take_in(changes);
        match controller::take_in(app, &mut self.followed, &news).await {
            Ok(true) => {
                unreleased::look(app, &self.followed, forgotten_since).await?;
                unextended::look(app, &self.followed, forgotten_since).await
            }
            // What was not taken in will not be told again: everything is asked for anew.
            Ok(false) => {
                self.followed.forget();
                Ok(())
            }
            Err(error) => {
                self.followed.forget();
                Err(error)
            }
        }
    }

    /// Reads what slurmdbd has, and settles what is over.
    async fn settle(&mut self, app: &App) -> anyhow::Result<()> {
        if self.followed.cursor().is_none() {
            return Ok(()); // Nothing is known of slurmctld: nothing is known to be over.
        }
        let (cluster, now) = (&app.cluster.name, app.clock.now());
        let mut connection = app.db.acquire().await?;
        let mark = mark::read(&mut connection, cluster, now).await?;
        let forgets_after = TimeDelta::seconds(app.config.duties.min_job_age_s / 2);
        let mut blind_until = mark.blind_until;
        if now - mark.watched_at >= forgets_after {
            blind_until = Some(now);
        }
        if self.marked_at.is_none_or(|at| now - at >= MARKED_EVERY) {
            mark::watched(&mut connection, cluster, forgets_after, now).await?;
            self.marked_at = Some(now);
        }
        let read = self.reading.read_on(app, mark).await;
        let open = roll::call(&mut connection, cluster).await?;
        drop(connection);
        app.metrics.attempts_open(cluster, open.len());
        read?;
        let look = Look { app, followed: &self.followed, blind_until };
        owed::settle(&look, &open, &mut self.reading, (&mut self.waiting, &mut self.lost)).await
    }
}
