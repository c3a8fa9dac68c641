//! Jobs that Slurm has lost: slurmctld acknowledges before it saves, so its death can cost a job.
//!
//! A lost job is submitted again under its own id. A job that ran and was purged from slurmctld's
//! memory looks the same while slurmdbd is behind, and must not run twice for that. So an attempt
//! counts as lost only after both were asked again and again and neither knew it; slurmdbd is given
//! much longer to tell of a job that was seen on a node, or could have run while nobody looked.
//!
//! A job that was seen on a node and is lost all the same starts a second time, as it does where
//! slurmctld forgot only its start and starts it by itself. Both are shown.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use record::{Actor, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::roll::Watched;
use super::settle;
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
/// An attempt that ran, or that was given to Slurm before a long break and may have run in it, is
/// waited for: slurmdbd may be as far behind as slurmctld's own queue of what it has yet to be told.
pub(super) fn patience(
    app: &App,
    watched: &Watched,
    blind_until: Option<DateTime<Utc>>,
) -> TimeDelta {
    let duties = &app.config.duties;
    let was_blind =
        watched.queued_at.zip(blind_until).is_some_and(|(queued, blind)| queued < blind);
    let usual = TimeDelta::seconds(duties.resubmit_after_s);
    if was_blind || watched.state >= AttemptState::Running {
        usual.max(TimeDelta::seconds(duties.resubmit_after_break_s))
    } else {
        usual
    }
}

/// Wants a lost job submitted again, under the same id. One that was to be cancelled is over instead.
///
/// `unknown_since` is when it was first missed: a job that ran holds no GPU from then on.
pub(super) async fn resubmit(
    app: &App,
    watched: &Watched,
    unknown_since: DateTime<Utc>,
) -> anyhow::Result<()> {
    let now = app.clock.now();
    let (actor, trace_id) = (Actor::Program("watcher"), watched.trace_id);
    let stamp = Stamp { actor, now, why: None, trace_id };
    let mut tx = app.db.begin().await?;
    let has_run = match attempt::lock(&mut tx, watched.attempt_id).await? {
        AttemptState::Submitted | AttemptState::Released => false,
        AttemptState::Running | AttemptState::Ended => true,
        AttemptState::Admitted
        | AttemptState::Settled
        | AttemptState::Cancelled
        | AttemptState::Refused => return Ok(()),
    };
    if is_on_its_way(&mut tx, watched.attempt_id).await? {
        return Ok(());
    }
    let attempt = attempt::by_id(&mut tx, watched.attempt_id).await?;
    if attempt.cancel_wanted {
        let reason = "Slurm lost the job, and it was to be cancelled";
        attempt::ended_without_run(&mut tx, &attempt, AttemptState::Cancelled, reason, &stamp)
            .await?;
        return Ok(tx.commit().await?);
    }
    tracing::warn!(attempt.id = %watched.attempt_id, slurm.job_id = watched.slurm_job_id,
        has_run, "Slurm lost a job; submitting it again");
    if has_run {
        tell(&mut tx, watched, &stamp).await?;
        // What nobody knows holds no GPU.
        settle::end_assignments(&mut tx, watched, unknown_since).await?;
    }
    let effect = Effect::Submit { attempt_id: watched.attempt_id };
    outbox::want(&mut tx, &effect, trace_id, now).await?;
    // Once the job is back, it must be released again; that effect is wanted afresh.
    sqlx::query!(
        "update broker.attempt set state = 'submitted', queued_at = null,
             slurm_state = null, slurm_reason = null
         where attempt_id = $1",
        watched.attempt_id
    )
    .execute(&mut *tx)
    .await?;
    let details = json!({ "has_run": has_run, "unknown_since": unknown_since });
    stamp.audit(&mut tx, "attempt.lost", ("attempt", watched.attempt_id), details).await?;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    Ok(())
}

/// Whether it is being submitted as it is.
async fn is_on_its_way(tx: &mut PgConnection, attempt_id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from broker.outbox
             where effect->>'attempt_id' = $1 and effect->>'effect' = 'submit'
               and done_at is null and gave_up_at is null) as "waiting!""#,
        attempt_id.to_string(),
    )
    .fetch_one(tx)
    .await
}

/// Raises the exception of a job that ran and that nobody knows, once for each time.
async fn tell(
    tx: &mut PgConnection,
    watched: &Watched,
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    let distinction = watched.queued_at.map(|at| at.timestamp().to_string()).unwrap_or_default();
    let found = Found {
        kind: ExceptionKind::LostJob,
        cluster: &watched.cluster,
        slurm_job_id: watched.slurm_job_id,
        submitted_at: watched.created_at,
        distinction: &distinction,
        attempt_id: Some(watched.attempt_id),
        facts: json!({
            "sentence": "it was seen on a node, and neither slurmctld nor slurmdbd knows it; it was \
                         submitted again, and its script starts a second time",
        }),
    };
    exception::keep(tx, &found, stamp).await?;
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
