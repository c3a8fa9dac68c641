//! What slurmctld tells: states, start times and which GPU a job holds.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::json;
use slurm_wire::{JobRow, JobState};
use sqlx::PgConnection;

use crate::app::App;
use crate::outbox::{self, Effect};
use crate::plan::attempt::{self, Attempt, AttemptState};

/// An attempt that is not under way in slurmctld: slurmdbd is asked what became of it.
pub(super) struct Over<'a> {
    pub(super) attempt: &'a Attempt,
    /// True if slurmctld still remembers the job.
    pub(super) remembered: bool,
}

/// Takes in what slurmctld knows and returns the attempts whose records slurmdbd should have.
///
/// An attempt that cannot be taken in is told in the log and holds up no other.
pub(super) async fn observe<'a>(
    app: &App,
    attempts: &'a [Attempt],
    jobs: &[JobRow],
) -> Vec<Over<'a>> {
    let by_id: HashMap<u32, &JobRow> = jobs.iter().map(|job| (job.job_id, job)).collect();
    let mut over = Vec::new();
    for attempt in attempts {
        let now = app.clock.now();
        match by_id.get(&attempt.spec.job_id) {
            Some(job) if job.admin_comment.as_deref() == Some(attempt.spec.key.as_str()) => {
                if let Err(error) = keep(app, attempt, job, now).await {
                    tracing::error!(attempt.id = %attempt.attempt_id,
                        slurm.job_id = attempt.spec.job_id, error = format!("{error:#}"),
                        "what Slurm tells of a job cannot be taken in");
                } else if job.state.is_over() && !job.completing {
                    over.push(Over { attempt, remembered: true });
                }
            }
            // Somebody else's job under our id: never ours to settle; the operator must look.
            Some(_) => tracing::error!(
                slurm.job_id = attempt.spec.job_id,
                "a job with an id of the broker's range is not the broker's"
            ),
            // Finished long ago, or never saved by slurmctld: slurmdbd will tell which.
            None => over.push(Over { attempt, remembered: false }),
        }
    }
    over
}

/// Keeps one observation and moves the attempt along.
async fn keep(
    app: &App,
    attempt: &Attempt,
    job: &JobRow,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let mut tx = app.db.begin().await?;
    keep_in(&mut tx, attempt, job, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn keep_in(
    tx: &mut PgConnection,
    attempt: &Attempt,
    job: &JobRow,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    super::owed::keep_raw(tx, "slurmctld", &attempt.cluster, job.job_id, &json!(job), now).await?;
    let started_at = job.started_at.and_then(|at| DateTime::from_timestamp(at, 0));
    let state = match job.state {
        JobState::Running | JobState::Suspended => Some(AttemptState::Running),
        state if state.is_over() => Some(AttemptState::Ended),
        _ => None,
    };
    let started_at = if state == Some(AttemptState::Running) { started_at } else { None };
    // A start time that moved means that slurmctld died before saving and started the script again.
    sqlx::query!(
        "update broker.attempt set slurm_state = $2, slurm_reason = $4,
             start_count = start_count +
                 case when $3::timestamptz is not null and started_at is distinct from $3
                 then 1 else 0 end,
             started_at = coalesce($3, started_at)
         where attempt_id = $1",
        attempt.attempt_id,
        job.state.word(),
        started_at,
        job.state_reason.as_deref().filter(|_| job.state == JobState::Pending),
    )
    .execute(&mut *tx)
    .await?;
    if let Some(started_at) = started_at {
        for (node, gpu) in &job.gpus {
            sqlx::query!(
                "insert into broker.assignment (attempt_id, node, gpu_minor, from_at)
                 values ($1, $2, $3, $4) on conflict do nothing",
                attempt.attempt_id,
                node,
                i32::try_from(*gpu)?,
                started_at,
            )
            .execute(&mut *tx)
            .await?;
        }
    }
    if let Some(state) = state {
        attempt::advance(tx, attempt.attempt_id, state).await?;
    }
    let reason = "Slurm cannot run it: no node has what it asks for (BadConstraints)";
    if attempt.state == AttemptState::Released
        && can_never_run(job)
        && attempt::want_cancelled(tx, attempt.attempt_id, reason).await?
    {
        let effect = Effect::Cancel { attempt_id: attempt.attempt_id };
        outbox::want(tx, &effect, attempt.trace_id, now).await?;
    }
    Ok(())
}

/// Slurm takes a held job that no node could run, and says so only once it is released: it holds
/// the job again.
fn can_never_run(job: &JobRow) -> bool {
    job.held && job.state_reason.as_deref() == Some("BadConstraints")
}
