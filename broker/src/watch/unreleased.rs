//! Releases that slurmctld acknowledged and forgot: it died before it saved them, and holds the job again.
//!
//! The job may have started meanwhile, and even have come to its end: slurmctld knows nothing of that
//! either, and has it waiting. Then its script starts a second time, as it does where slurmctld had
//! saved the release and not the start, and is shown as such.
//!
//! Only a release that may have been forgotten is made again. A job that somebody held by hand later
//! stays held: that is theirs to undo.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use record::{Actor, Stamp};
use serde_json::json;
use slurm_wire::{Answer, Call};

use super::follow::{Followed, waits_held};
use crate::app::App;
use crate::gateway::GatewayError;
use crate::outbox::{self, Effect};

/// slurmctld has saved what it knows after 5 s (SAVE_MAX_WAIT), and is up again some seconds later.
const SAVED_WITHIN: TimeDelta = TimeDelta::seconds(15);
/// How long after it answered again the first looks at it come.
const SEEN_WITHIN: TimeDelta = TimeDelta::seconds(60);
/// What was followed may be some seconds old: a release is not missed before that.
pub(super) const TOLD_WITHIN: TimeDelta = TimeDelta::seconds(3);

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

    /// True until it has answered this watcher.
    pub(super) const fn has_only_begun(&self) -> bool {
        self.answered_at.is_none()
    }

    /// An earlier watcher had an answer then.
    pub(super) fn had_answered(&mut self, at: DateTime<Utc>) {
        (self.answered_at, self.is_silent) = (Some(at), true);
    }

    /// It answered; returns since when what was acknowledged may have been forgotten.
    pub(super) fn answered(&mut self, now: DateTime<Utc>) -> DateTime<Utc> {
        if self.is_silent {
            self.last = Some((self.answered_at.unwrap_or(now), now));
        }
        (self.answered_at, self.is_silent) = (Some(now), false);
        match self.last {
            Some((from, until)) if now - until < SEEN_WITHIN => from - SAVED_WITHIN,
            // It may have come back between two looks.
            _ => now - SAVED_WITHIN,
        }
    }
}

/// Puts attempts back in line for their release that were released since then and are held.
///
/// slurmctld itself is asked about them first: what was followed of it may be older than the release.
pub(super) async fn look(
    app: &App,
    followed: &Followed,
    since: DateTime<Utc>,
) -> anyhow::Result<()> {
    let released = sqlx::query!(
        r#"select distinct a.attempt_id, a.slurm_job_id as "slurm_job_id!", a.slurm_key, p.trace_id
           from broker.outbox o
               join broker.attempt a on a.attempt_id = (o.effect->>'attempt_id')::uuid
               join broker.job_plan p using (job_plan_id)
           where o.done_at between $1 and $2 and o.effect->>'effect' = 'release'
             and a.cluster = $3 and a.state in ('released', 'running', 'ended')
             and a.cancel_reason is null and a.held_back_by is null and a.kept_by is null
             and not exists (select from broker.outbox later
                 where later.effect->>'attempt_id' = o.effect->>'attempt_id'
                   and later.effect->>'effect' in ('release', 'hold')
                   and (later.done_at is null or later.done_at > $2))"#,
        since,
        app.clock.now() - TOLD_WITHIN,
        app.cluster.name,
    )
    .fetch_all(&app.db)
    .await?;
    let is_held = |id: i64| u32::try_from(id).is_ok_and(|id| followed.is_held(id));
    let released: Vec<_> = released.into_iter().filter(|it| is_held(it.slurm_job_id)).collect();
    if released.is_empty() {
        return Ok(());
    }
    let job_ids: Result<_, _> = released.iter().map(|it| u32::try_from(it.slurm_job_id)).collect();
    let Answer::Jobs(rows) = app.gateway.call(&Call::ReadJobs { job_ids: job_ids? }).await? else {
        return Err(GatewayError::OutOfTurn.into());
    };
    let held: HashSet<&str> = rows
        .iter()
        .filter(|row| waits_held(row))
        .filter_map(|row| row.admin_comment.as_deref())
        .collect();
    let now = app.clock.now();
    for attempt in released.iter().filter(|it| held.contains(it.slurm_key.as_str())) {
        let (actor, trace_id) = (Actor::Program("watcher"), attempt.trace_id);
        let stamp = Stamp { actor, now, why: None, trace_id };
        let mut tx = app.db.begin().await?;
        let effect = Effect::Release { attempt_id: attempt.attempt_id };
        outbox::want(&mut tx, &effect, trace_id, now).await?;
        let subject = ("attempt", attempt.attempt_id);
        stamp.audit(&mut tx, "attempt.release_lost", subject, json!({})).await?;
        tx.commit().await?;
        app.outbox_wake.notify_one();
        tracing::warn!(attempt.id = %attempt.attempt_id, slurm.job_id = attempt.slurm_job_id,
            "slurmctld forgot a release and holds the job again; releasing it again");
    }
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
    fn a_watcher_that_has_only_begun_goes_by_what_an_earlier_one_saw() {
        let mut silence = Silence::default();
        assert!(silence.has_only_begun());
        silence.had_answered(at(0));
        assert_eq!(silence.answered(at(300)), at(0) - SAVED_WITHIN);
        assert!(!silence.has_only_begun());
    }
}
