//! What slurmctld tells: states, start times and which GPU a job holds.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::json;
use slurm_wire::{JobRow, JobState};
use sqlx::PgConnection;

use crate::app::App;
use crate::outbox::{self, Effect};
use crate::plan::attempt::{self, Attempt, AttemptState};

/// Takes in what slurmctld knows and returns the attempts whose records slurmdbd should have.
pub(super) async fn observe(
    app: &App,
    attempts: &[Attempt],
    jobs: &[JobRow],
) -> anyhow::Result<Vec<Attempt>> {
    let by_id: HashMap<u32, &JobRow> = jobs.iter().map(|job| (job.job_id, job)).collect();
    let mut over = Vec::new();
    for attempt in attempts {
        let now = app.clock.now();
        match by_id.get(&attempt.spec.job_id) {
            Some(job) if job.admin_comment.as_deref() == Some(attempt.spec.key.as_str()) => {
                let mut tx = app.db.begin().await?;
                keep(&mut tx, attempt, job, now).await?;
                tx.commit().await?;
                if job.state.is_over() && !job.completing {
                    over.push(attempt.clone());
                }
            }
            // Somebody else's job under our id: never ours to settle; the operator must look.
            Some(_) => tracing::error!(
                slurm.job_id = attempt.spec.job_id,
                "a job with an id of the broker's range is not the broker's"
            ),
            // Finished long ago, or never saved by slurmctld: slurmdbd will tell which.
            None => over.push(attempt.clone()),
        }
    }
    Ok(over)
}

/// Keeps one observation and moves the attempt along.
async fn keep(
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
        "update broker.attempt set slurm_state = $2,
             start_count = start_count +
                 case when $3::timestamptz is not null and started_at is distinct from $3
                 then 1 else 0 end,
             started_at = coalesce($3, started_at)
         where attempt_id = $1",
        attempt.attempt_id,
        job.state.word(),
        started_at,
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
    if attempt.state == AttemptState::Released && can_never_run(job) && !attempt.cancel_wanted {
        let reason = "Slurm cannot run it: no node has what it asks for (BadConstraints)";
        attempt::want_cancelled(tx, attempt.attempt_id, reason).await?;
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

/// Slurm has lost a job it had accepted: submit it again, under the same id.
pub(super) async fn resubmit(app: &App, attempt: &Attempt) -> anyhow::Result<()> {
    let now = app.clock.now();
    let bound = chrono::TimeDelta::seconds(app.config.duties.resubmit_after_s);
    let long_gone = attempt.queued_at.is_some_and(|queued_at| now - queued_at > bound);
    if !long_gone {
        return Ok(());
    }
    let mut tx = app.db.begin().await?;
    let waiting = sqlx::query_scalar!(
        r#"select exists (select from broker.outbox
             where done_at is null and gave_up_at is null
               and effect->>'effect' = 'submit' and effect->>'attempt_id' = $1) as "waiting!""#,
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
             where attempt_id = $1 and state in ('submitted', 'released')",
            attempt.attempt_id
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(())
}
