//! Releases that slurmctld acknowledged and forgot: it died before it saved them, and holds the job again.
//!
//! Only a release that may have been forgotten is made again. A job that somebody held by hand later
//! stays held: that is theirs to undo.

use chrono::{DateTime, TimeDelta, Utc};
use record::{Actor, Stamp};
use serde_json::json;
use slurm_wire::{JobRow, JobState};

use crate::app::App;

/// slurmctld has saved what it knows after 5 s (SAVE_MAX_WAIT), and is up again some seconds later.
const SAVED_WITHIN: TimeDelta = TimeDelta::seconds(15);
/// How long after it answered again the first looks at it come.
const SEEN_WITHIN: TimeDelta = TimeDelta::seconds(60);
/// How far back a watcher looks that has only begun, and does not know who was silent before.
const BEFORE_ITS_TIME: TimeDelta = TimeDelta::minutes(10);

/// When slurmctld answered, and how long it last did not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Silence {
    answered_at: Option<DateTime<Utc>>,
    /// Last answer before the silence, and first one after it.
    last: Option<(DateTime<Utc>, DateTime<Utc>)>,
    is_silent: bool,
}

impl Silence {
    pub(super) fn not_answered(&mut self) {
        self.is_silent = true;
    }

    /// It answered; returns since when what was acknowledged may have been forgotten.
    pub(super) fn answered(&mut self, now: DateTime<Utc>) -> DateTime<Utc> {
        let before = self.answered_at.unwrap_or(now - BEFORE_ITS_TIME);
        if self.is_silent || self.answered_at.is_none() {
            self.last = Some((before, now));
        }
        (self.answered_at, self.is_silent) = (Some(now), false);
        match self.last {
            Some((from, until)) if now - until < SEEN_WITHIN => from - SAVED_WITHIN,
            // It may have come back between two looks.
            _ => now - SAVED_WITHIN,
        }
    }
}

/// Puts attempts back in line for their release whose jobs are held again.
pub(super) async fn look(
    app: &App,
    news: &[JobRow],
    forgotten_since: DateTime<Utc>,
) -> anyhow::Result<()> {
    let held = |row: &&JobRow| {
        // A job that can never run is held by Slurm itself.
        row.held
            && row.state == JobState::Pending
            && row.state_reason.as_deref() != Some("BadConstraints")
    };
    let keys: Vec<String> =
        news.iter().filter(held).filter_map(|row| row.admin_comment.clone()).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let again = sqlx::query!(
        r#"update broker.attempt a set state = 'submitted'
           from broker.job_plan p
           where p.job_plan_id = a.job_plan_id and a.cluster = $1 and a.slurm_key = any($2)
             and a.state = 'released' and a.cancel_reason is null
             and a.held_back_by is null and a.kept_by is null
             and exists (select from broker.outbox o
                 where o.effect->>'attempt_id' = a.attempt_id::text
                   and o.effect->>'effect' = 'release' and o.done_at > $3)
             and not exists (select from broker.outbox o
                 where o.effect->>'attempt_id' = a.attempt_id::text
                   and o.effect->>'effect' in ('release', 'hold') and o.done_at is null)
           returning a.attempt_id, a.slurm_job_id, p.trace_id"#,
        app.config.cluster.name,
        &keys,
        forgotten_since,
    )
    .fetch_all(&mut *tx)
    .await?;
    for attempt in &again {
        let (actor, trace_id) = (Actor::Program("watcher"), attempt.trace_id);
        let stamp = Stamp { actor, now, why: None, trace_id };
        let subject = ("attempt", attempt.attempt_id);
        stamp.audit(&mut tx, "attempt.release_lost", subject, json!({})).await?;
        tracing::warn!(attempt.id = %attempt.attempt_id, slurm.job_id = attempt.slurm_job_id,
            "slurmctld forgot a release and holds the job again; releasing it again");
    }
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    #[test]
    fn what_was_released_just_before_the_silence_may_be_forgotten_however_long_it_lasted() {
        let mut silence = Silence::default();
        silence.answered(at(0));
        silence.answered(at(500));
        silence.not_answered();
        assert_eq!(silence.answered(at(4_000)), at(500) - SAVED_WITHIN);
        assert_eq!(silence.answered(at(4_030)), at(500) - SAVED_WITHIN, "the first looks at it");
        assert_eq!(silence.answered(at(4_100)), at(4_100) - SAVED_WITHIN, "and then no more");
    }

    #[test]
    fn a_watcher_that_has_only_begun_does_not_know_who_was_silent() {
        assert_eq!(Silence::default().answered(at(0)), at(0) - BEFORE_ITS_TIME - SAVED_WITHIN);
    }
}
