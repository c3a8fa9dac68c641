//! Reading slurmdbd: what ended since it was last read, a slow second reading for what came late or
//! was edited, and by id what should have been there.
//!
//! slurmdbd is never hammered: every question is counted, and there are at most
//! [`QUESTIONS_PER_MINUTE`](super::window::QUESTIONS_PER_MINUTE) in any minute. One that may not be
//! asked waits for the next look.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use slurm_wire::{Answer, Call, JobRecord, RefusalCode};

use super::mark::{self, Mark};
use super::roll::{self, Watched};
use super::window::{self, Budget, Step, Window};
use super::{keep_record, late, verdict};
use crate::app::App;
use crate::gateway::GatewayError;

/// Records that are remembered as taken in. More are forgotten at once, which costs one more look.
const REMEMBERED: usize = 100_000;
/// Between two stretches of the slow second reading.
const AGAIN_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Records that are kept in one transaction.
const AT_ONCE: usize = 200;

/// What was read, as far as this process remembers.
#[derive(Debug, Default)]
pub(super) struct Reading {
    budget: Budget,
    step: Step,
    read_at: Option<DateTime<Utc>>,
    again_at: Option<DateTime<Utc>>,
    /// Fingerprints of the records that were taken in, by slurmdbd's key.
    seen: HashMap<u64, u64>,
}

/// What became of a question.
pub(super) enum Asked {
    /// slurmdbd answered.
    Told(Vec<JobRecord>),
    /// It was asked as often as it may be; it is asked later.
    NotNow,
}

impl Reading {
    /// Reads what ended since the last reading, if that is due. Returns whether slurmdbd answered.
    ///
    /// # Errors
    /// When slurmdbd does not answer: then nothing is known about what it does not have.
    pub(super) async fn read_on(&mut self, app: &App, mark: Mark) -> anyhow::Result<()> {
        let now = app.clock.now();
        let pause = TimeDelta::milliseconds(app.config.duties.records_ms);
        if self.read_at.is_some_and(|at| now - at < pause) {
            return Ok(());
        }
        self.read_at = Some(now);
        let (window, read_until) = self.step.next(mark.read_until, now);
        let Asked::Told(records) = self.ended(app, window).await? else { return Ok(()) };
        let cluster = &app.cluster.name;
        if self.take_in(app, &records).await? {
            mark::read_on(&mut *app.db.acquire().await?, cluster, read_until).await?;
            app.metrics.records_behind(cluster, now - read_until);
            if read_until < now {
                self.read_at = None; // There is more to catch up with.
                return Ok(());
            }
        }
        self.read_again(app, mark, now).await
    }

    /// Reads one stretch of the past once more, for rows that came late or were edited.
    async fn read_again(
        &mut self,
        app: &App,
        mark: Mark,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        if self.again_at.is_some_and(|at| now - at < AGAIN_EVERY) {
            return Ok(());
        }
        self.again_at = Some(now);
        let (window, again_from) = window::again(mark.again_from, now);
        let Asked::Told(records) = self.ended(app, window).await? else { return Ok(()) };
        // What cannot be taken in is told in the log, and comes again on the next round.
        self.take_in(app, &records).await?;
        let cluster = &app.cluster.name;
        mark::read_again(&mut *app.db.acquire().await?, cluster, again_from).await?;
        Ok(())
    }

    async fn ended(&mut self, app: &App, window: Window) -> anyhow::Result<Asked> {
        let call = Call::ReadEnded {
            from: window.from.timestamp(),
            // Slurm tells whole seconds: what ended in the last one belongs to it.
            until: window.until.timestamp() + 1,
        };
        let asked = self.ask(app, &call, "ended").await;
        match &asked {
            Ok(_) => self.step.answered(),
            Err(_) => self.step.not_answered(),
        }
        asked
    }

    /// Reads everything that slurmdbd has of these jobs, and takes it in.
    pub(super) async fn by_id(&mut self, app: &App, job_ids: Vec<u32>) -> anyhow::Result<bool> {
        match self.ask(app, &Call::ReadRecords { job_ids }, "by_id").await? {
            Asked::Told(records) => {
                self.take_in(app, &records).await?;
                Ok(true)
            }
            Asked::NotNow => Ok(false),
        }
    }

    async fn ask(
        &mut self,
        app: &App,
        call: &Call,
        question: &'static str,
    ) -> anyhow::Result<Asked> {
        if !self.budget.take(app.clock.now()) {
            return Ok(Asked::NotNow);
        }
        app.metrics.asked_slurmdbd(question);
        match app.gateway.call(call).await {
            Ok(Answer::Records(records)) => Ok(Asked::Told(records)),
            Ok(_) => Err(GatewayError::OutOfTurn.into()),
            Err(GatewayError::Refused(refusal)) if refusal.code == RefusalCode::AskedTooOften => {
                Ok(Asked::NotNow)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps what is news. Returns false if some of it could not be kept; it is told in the log.
    async fn take_in(&mut self, app: &App, records: &[JobRecord]) -> anyhow::Result<bool> {
        let cluster = &app.cluster.name;
        let news: Vec<&JobRecord> = records
            .iter()
            .filter(|record| self.seen.get(&record.db_index) != Some(&fingerprint(record)))
            .collect();
        if news.is_empty() {
            return Ok(true);
        }
        let mut asked_ids: Vec<u32> = news.iter().map(|record| record.asked_id()).collect();
        asked_ids.sort_unstable();
        asked_ids.dedup();
        let watched = roll::by_asked(&mut *app.db.acquire().await?, cluster, &asked_ids).await?;
        let ours = |record: &JobRecord| -> Option<&Watched> {
            watched.get(&record.asked_id()).filter(|watched| verdict::is_ours(record, watched))
        };
        let (over, open): (Vec<&JobRecord>, Vec<&JobRecord>) = news
            .into_iter()
            .filter(|record| ours(record).is_some())
            .partition(|record| ours(record).is_some_and(|watched| watched.state.is_over()));
        for records in open.chunks(AT_ONCE) {
            let mut tx = app.db.begin().await?;
            for record in records {
                keep_record::keep(&mut tx, cluster, record, app.clock.now()).await?;
            }
            tx.commit().await?;
            records.iter().for_each(|record| self.remember(record));
        }
        let mut all_kept = true;
        for record in over {
            let Some(watched) = ours(record) else { continue };
            match late::take_in(app, watched, record).await {
                Ok(()) => self.remember(record),
                Err(error) => {
                    all_kept = false;
                    tracing::error!(attempt.id = %watched.attempt_id, slurm.job_id = record.job_id,
                        slurm.db_index = record.db_index, error = format!("{error:#}"),
                        "a record of an attempt that is over cannot be taken in");
                }
            }
        }
        Ok(all_kept)
    }

    fn remember(&mut self, record: &JobRecord) {
        if self.seen.len() >= REMEMBERED {
            self.seen.clear();
        }
        self.seen.insert(record.db_index, fingerprint(record));
    }
}

fn fingerprint(record: &JobRecord) -> u64 {
    let mut hasher = DefaultHasher::new();
    json!(record).to_string().hash(&mut hasher);
    hasher.finish()
}
