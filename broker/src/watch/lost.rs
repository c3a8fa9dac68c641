//! Jobs that Slurm has lost: slurmctld acknowledges before it saves, so its death can cost a job.
//!
//! A lost job is submitted again under its own id. A job that ran and was purged from slurmctld's
//! memory looks the same while slurmdbd is behind, and must never run twice. So an attempt counts
//! as lost only after both were asked again and again and neither knew it, and never once its job
//! was seen on a node.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::app::App;
use crate::outbox::{self, Effect};
use crate::plan::attempt::{self, Attempt, AttemptState};

/// Since when neither slurmctld nor slurmdbd has known an attempt, without a break in the watching.
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

    /// The watching was interrupted: nothing is known to be lost.
    pub(super) fn forget_all(&mut self) {
        self.since.clear();
    }
}

/// Wants a lost job submitted again, under the same id.
pub(super) async fn resubmit(app: &App, attempt: &Attempt) -> anyhow::Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    match attempt::lock(&mut tx, attempt.attempt_id).await? {
        AttemptState::Submitted | AttemptState::Released => {}
        // It was on a node: its script has run, wholly or in part. A person must look.
        AttemptState::Running | AttemptState::Ended => {
            let marked = sqlx::query!(
                "update broker.attempt set slurm_state = 'LOST'
                 where attempt_id = $1 and slurm_state is distinct from 'LOST'",
                attempt.attempt_id
            )
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
            if marked.rows_affected() == 1 {
                tracing::error!(attempt.id = %attempt.attempt_id,
                    slurm.job_id = attempt.spec.job_id,
                    "a job that ran is unknown to slurmctld and slurmdbd; its hold stays open \
                     until slurmdbd has its record");
            }
            return Ok(());
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
        attempt.attempt_id.to_string(),
    )
    .fetch_one(&mut *tx)
    .await?;
    if !waiting {
        tracing::warn!(slurm.job_id = attempt.spec.job_id, "Slurm lost a job; submitting it again");
        let effect = Effect::Submit { attempt_id: attempt.attempt_id };
        outbox::want(&mut tx, &effect, attempt.trace_id, now).await?;
        // Once the job is back, it must be released again; that effect is wanted afresh.
        sqlx::query!(
            "update broker.attempt set state = 'submitted', queued_at = null
             where attempt_id = $1",
            attempt.attempt_id
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    app.outbox_wake.notify_one();
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
