//! Jobs that Slurm has lost: slurmctld acknowledges before it saves, so its death can cost a job.
//!
//! A lost job is submitted again under its own id. A job that ran and was purged from slurmctld's
//! memory looks the same while slurmdbd is behind, and must never run twice. So an attempt counts
//! as lost only after both were asked again and again and neither knew it, and never once its job
//! was seen on a node. Where slurmctld was not watched for so long that a job could have run, ended
//! and been forgotten, slurmdbd is given much longer to tell of it.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use record::{Actor, Stamp};
use serde_json::json;
use uuid::Uuid;

use super::roll::Watched;
use crate::app::App;
use crate::exception::{self, ExceptionKind, Found};
use crate::outbox::{self, Effect};
use crate::plan::attempt::{self, AttemptState};

/// Since when neither slurmctld nor slurmdbd has known an attempt, without a break in the asking.
///
/// Kept in memory on purpose: a new mimerd, and one that could not ask for a while, begins anew.
#[derive(Debug, Default)]
pub(super) struct Lost {
    since: HashMap<Uuid, DateTime<Utc>>,
}

impl Lost {
    /// Neither knew it; returns for how long that has been so.
    pub(super) fn missed(&mut self, attempt_id: Uuid, now: DateTime<Utc>) -> TimeDelta {
        now - *self.since.entry(attempt_id).or_insert(now)
    }

    /// Keeps only what is still missing.
    pub(super) fn keep_only(&mut self, missing: impl Fn(&Uuid) -> bool) {
        self.since.retain(|attempt_id, _| missing(attempt_id));
    }

    /// One of them knows it after all.
    pub(super) fn found(&mut self, attempt_id: Uuid) {
        self.since.remove(&attempt_id);
    }

    /// The asking was interrupted: nothing is known to be lost.
    pub(super) fn forget_all(&mut self) {
        self.since.clear();
    }
}

/// How long both must not know an attempt before it counts as lost.
///
/// An attempt that was given to Slurm before a long break may have run in it: slurmdbd may be as far
/// behind as slurmctld's own queue of what it has yet to be told.
pub(super) fn patience(
    app: &App,
    queued_at: Option<DateTime<Utc>>,
    blind_until: Option<DateTime<Utc>>,
) -> TimeDelta {
    let duties = &app.config.duties;
    let was_blind = queued_at.zip(blind_until).is_some_and(|(queued, blind)| queued < blind);
    let usual = TimeDelta::seconds(duties.resubmit_after_s);
    if was_blind { usual.max(TimeDelta::seconds(duties.resubmit_after_break_s)) } else { usual }
}

/// Wants a lost job submitted again, under the same id; one that has run is told to a person.
pub(super) async fn resubmit(app: &App, watched: &Watched) -> anyhow::Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    match attempt::lock(&mut tx, watched.attempt_id).await? {
        AttemptState::Submitted | AttemptState::Released => {}
        // It was on a node: its script has run, wholly or in part. A person must look.
        AttemptState::Running | AttemptState::Ended => {
            tell(&mut tx, watched, now).await?;
            return Ok(tx.commit().await?);
        }
        AttemptState::Admitted
        | AttemptState::Settled
        | AttemptState::Cancelled
        | AttemptState::Refused => return Ok(()),
    }
    let waiting = sqlx::query_scalar!(
        r#"select exists (select from broker.outbox
             where effect->>'attempt_id' = $1 and effect->>'effect' = 'submit'
               and done_at is null and gave_up_at is null) as "waiting!""#,
        watched.attempt_id.to_string(),
    )
    .fetch_one(&mut *tx)
    .await?;
    if !waiting {
        tracing::warn!(attempt.id = %watched.attempt_id, slurm.job_id = watched.slurm_job_id,
            "Slurm lost a job; submitting it again");
        let effect = Effect::Submit { attempt_id: watched.attempt_id };
        outbox::want(&mut tx, &effect, watched.trace_id, now).await?;
        // Once the job is back, it must be released again; that effect is wanted afresh.
        sqlx::query!(
            "update broker.attempt set state = 'submitted', queued_at = null
             where attempt_id = $1",
            watched.attempt_id
        )
        .execute(&mut *tx)
        .await?;
        let (actor, trace_id) = (Actor::Program("watcher"), watched.trace_id);
        let stamp = Stamp { actor, now, why: None, trace_id };
        stamp.audit(&mut tx, "attempt.lost", ("attempt", watched.attempt_id), json!({})).await?;
    }
    tx.commit().await?;
    app.outbox_wake.notify_one();
    Ok(())
}

/// Raises the exception of a job that ran and that nobody knows, once.
async fn tell(
    tx: &mut sqlx::PgConnection,
    watched: &Watched,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let (actor, trace_id) = (Actor::Program("watcher"), watched.trace_id);
    let stamp = Stamp { actor, now, why: None, trace_id };
    let found = Found {
        kind: ExceptionKind::LostJob,
        cluster: &watched.cluster,
        slurm_job_id: watched.slurm_job_id,
        submitted_at: watched.created_at,
        distinction: "",
        attempt_id: Some(watched.attempt_id),
        facts: json!({
            "sentence": "it was seen on a node, and neither slurmctld nor slurmdbd knows it; its \
                         hold is kept until slurmdbd has it, or until this is closed",
        }),
    };
    if exception::keep(&mut *tx, &found, &stamp).await?.is_some() {
        tracing::error!(attempt.id = %watched.attempt_id, slurm.job_id = watched.slurm_job_id,
            "a job that ran is unknown to slurmctld and slurmdbd; its hold stays open until \
             slurmdbd has its record, or an operator closes the exception");
    }
    sqlx::query!(
        "update broker.attempt set slurm_state = 'LOST'
         where attempt_id = $1 and slurm_state is distinct from 'LOST'",
        watched.attempt_id
    )
    .execute(tx)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        let id = Uuid::from_u128(7);
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let mut lost = Lost::default();
        assert_eq!(lost.missed(id, at(0)).num_seconds(), 0);
        assert_eq!(lost.missed(id, at(20)).num_seconds(), 20);
        lost.forget_all();
        assert_eq!(lost.missed(id, at(600)).num_seconds(), 0);
        lost.keep_only(|_| false);
        assert_eq!(lost.missed(id, at(900)).num_seconds(), 0);
    }
}
