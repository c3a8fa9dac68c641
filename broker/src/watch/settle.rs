//! Settling one attempt by its records: the ledger, the attempt and its tasks in one transaction.

use std::collections::HashMap;

use accounting::hold::{self, Settle};
use anyhow::Context;
use record::{Actor, GpuSeconds, Stamp};
use slurm_wire::JobRecord;
use sqlx::PgConnection;

use super::keep_record::Kept;
use super::roll::Watched;
use super::{run, start};
use crate::app::App;
use crate::exception;
use crate::plan::attempt::{self, AttemptState};
use crate::plan::task;

/// Whether Slurm was given the job more than once. Then it may have started more than once, and the
/// records that were read as they ended are not all that there are.
pub(super) async fn was_given_again(app: &App, watched: &Watched) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(greatest(tries, 1)), 0) > 1 as "again!" from broker.outbox
           where effect->>'attempt_id' = $1 and effect->>'effect' = 'submit'"#,
        watched.attempt_id.to_string(),
    )
    .fetch_one(&app.db)
    .await
}

/// Settles it; what fails is told in the log and tried again at the next look.
pub(super) async fn settle(app: &App, watched: &Watched, kept: &[Kept]) {
    if let Err(error) = settle_one(app, watched, kept).await {
        tracing::error!(attempt.id = %watched.attempt_id, slurm.job_id = watched.slurm_job_id,
            error = format!("{error:#}"), "an attempt that is over cannot be settled");
    }
}

async fn settle_one(app: &App, watched: &Watched, kept: &[Kept]) -> anyhow::Result<()> {
    let now = app.clock.now();
    let (actor, trace_id) = (Actor::Program("watcher"), watched.trace_id);
    let stamp = Stamp { actor, now, why: None, trace_id };
    let mut tx = app.db.begin().await?;
    if attempt::lock(&mut tx, watched.attempt_id).await?.is_over() {
        return Ok(()); // Another mimerd was quicker.
    }
    let all: Vec<&JobRecord> = kept.iter().map(|kept| &kept.record).collect();
    let mut runs = Vec::new();
    for Kept { record, observation_id } in kept.iter().filter(|it| run::is_final(&it.record)) {
        runs.extend(run::of(&mut tx, record, *observation_id).await?);
    }
    let finals: Vec<&JobRecord> = all.iter().copied().filter(|it| run::is_final(it)).collect();
    let telling = task::telling(&finals).context("no record tells how it ended")?;
    let seconds = start::told_by(&mut tx, watched, &all, &stamp).await?;
    task::settled(&mut tx, watched.attempt_id, &finals).await?;
    let ended_at = runs.iter().map(|run| run.ended_at).max();
    if let Some(ended_at) = ended_at {
        let taken = runs.iter().try_fold(GpuSeconds::ZERO, |sum, run| {
            sum.checked_add(run.gpu_seconds).context("GPU-seconds overflow")
        })?;
        let started_at = runs.iter().map(|run| run.started_at).min();
        let start_count = most_starts(&runs);
        hold::settle(&mut tx, &Settle { hold_id: watched.hold_id, runs }, &stamp).await?;
        // A short job may have come and gone between two looks at slurmctld.
        sqlx::query!(
            "update broker.attempt set state = 'settled', slurm_state = $2, ended_at = $3,
                 settled_at = $4, exit_code = $5, started_at = coalesce(started_at, $6),
                 start_count = greatest(start_count, $7)
             where attempt_id = $1",
            watched.attempt_id,
            telling.state.word(),
            ended_at,
            now,
            telling.exit_code,
            started_at,
            start_count,
        )
        .execute(&mut *tx)
        .await?;
        end_assignments(&mut tx, watched, ended_at).await?;
        exception::has_ended(&mut tx, watched.attempt_id, (ended_at, taken), &stamp).await?;
    } else {
        let reason = format!("Slurm ended the job before it started ({})", telling.state.word());
        let attempt = attempt::by_id(&mut tx, watched.attempt_id).await?;
        attempt::ended_without_run(&mut tx, &attempt, AttemptState::Cancelled, &reason, &stamp)
            .await?;
    }
    tx.commit().await?;
    (0..seconds).for_each(|_| app.metrics.second_start());
    if let Some(ended_at) = ended_at {
        app.metrics.settled_after(now - ended_at);
    }
    tracing::info!(attempt.id = %watched.attempt_id, slurm.job_id = watched.slurm_job_id,
        state = ?telling.state, "an attempt is settled");
    Ok(())
}

/// The starts of the job, or of that of its tasks that was started most often.
fn most_starts(runs: &[hold::NewRun]) -> i32 {
    let mut starts: HashMap<i64, i32> = HashMap::new();
    for run in runs {
        *starts.entry(run.slurm_job_id).or_default() += 1;
    }
    starts.into_values().max().unwrap_or(0)
}

/// What is over holds no GPU, whatever was seen of its end.
pub(super) async fn end_assignments(
    tx: &mut PgConnection,
    watched: &Watched,
    ended_at: chrono::DateTime<chrono::Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update broker.assignment set until_at = greatest(from_at, $2)
         where attempt_id = $1 and until_at is null",
        watched.attempt_id,
        ended_at,
    )
    .execute(tx)
    .await?;
    Ok(())
}
