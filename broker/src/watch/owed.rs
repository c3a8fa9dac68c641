//! What slurmdbd tells: every incarnation of a job, from which the hold is settled.

use std::collections::HashSet;

use accounting::hold::{self, NewRun, Settle};
use anyhow::Context;
use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, TimeDelta, Utc};
use record::{Actor, GpuSeconds, Stamp};
use serde_json::{Value, json};
use slurm_wire::{Answer, Call, JobRecord, JobState};
use sqlx::PgConnection;
use uuid::Uuid;

use super::controller::Over;
use super::lost::{self, Lost};
use crate::app::App;
use crate::crisis;
use crate::gateway::GatewayError;
use crate::plan::attempt::{self, Attempt, AttemptState};

/// slurmdbd is asked for at most this many jobs at once.
const JOBS_PER_QUESTION: usize = 500;

/// Settles every attempt of `over` whose records are all there and all over.
///
/// An attempt that cannot be settled is told in the log and holds up no other.
pub(super) async fn settle(app: &App, over: &[Over<'_>], lost: &mut Lost) -> anyhow::Result<()> {
    let mut missing = HashSet::new();
    let mut waiting = 0;
    for attempts in over.chunks(JOBS_PER_QUESTION) {
        let job_ids = attempts.iter().map(|over| over.attempt.spec.job_id).collect();
        let Answer::Records(records) = app.gateway.call(&Call::ReadRecords { job_ids }).await?
        else {
            return Err(GatewayError::OutOfTurn.into());
        };
        for &Over { attempt, remembered } in attempts {
            let mine: Vec<&JobRecord> = records
                .iter()
                .filter(|record| record.job_id == attempt.spec.job_id && is_ours(record, attempt))
                .collect();
            let outcome = if !mine.is_empty() && mine.iter().all(|record| is_final(record)) {
                settle_one(app, attempt, &mine).await
            } else if mine.is_empty() && !remembered {
                missing.insert(attempt.attempt_id);
                let missed_for = lost.missed(attempt.attempt_id, app.clock.now());
                if missed_for < TimeDelta::seconds(app.config.duties.resubmit_after_s) {
                    continue;
                }
                lost::resubmit(app, attempt).await
            } else {
                waiting += 1; // slurmdbd lags; it will know.
                Ok(())
            };
            if let Err(error) = outcome {
                waiting += 1;
                tracing::error!(attempt.id = %attempt.attempt_id,
                    slurm.job_id = attempt.spec.job_id, error = format!("{error:#}"),
                    "an attempt that is over cannot be settled");
            }
        }
    }
    lost.keep_only(|attempt_id| missing.contains(attempt_id));
    app.metrics.attempts_unsettled(waiting);
    Ok(())
}

/// The mark reaches slurmdbd only when the job starts or ends; a record without one is ours by its
/// id, which no other job can have.
fn is_ours(record: &JobRecord, attempt: &Attempt) -> bool {
    record.admin_comment.as_deref().is_none_or(|key| key.is_empty() || key == attempt.spec.key)
}

/// Over, with an end, and complete. slurmdbd lags slurmctld by seconds, and on a busy cluster it
/// shows a job that has ended before it has taken in how that job started.
fn is_final(record: &JobRecord) -> bool {
    let complete = record.started_at.is_none_or(|at| at == 0)
        || (record.partition.as_deref().is_some_and(|name| !name.is_empty())
            && gpus_of(record) > 0);
    record.state.is_over() && record.ended_at.is_some() && complete
}

async fn settle_one(app: &App, attempt: &Attempt, records: &[&JobRecord]) -> anyhow::Result<()> {
    let now = app.clock.now();
    let stamp =
        Stamp { actor: Actor::Program("watcher"), now, why: None, trace_id: attempt.trace_id };
    let mut tx = app.db.begin().await?;
    if attempt::lock(&mut tx, attempt.attempt_id).await?.is_over() {
        return Ok(()); // Another mimerd was quicker.
    }
    let mut runs = Vec::new();
    for record in records {
        let observation_id =
            keep_raw(&mut tx, "slurmdbd", &attempt.cluster, record.job_id, &json!(record), now)
                .await?;
        if let Some(mut run) = run_of(record, observation_id)? {
            // Who makes way in a crisis does not pay for what they could not finish.
            run.chargeable = record.state != JobState::Preempted
                || !crisis::was_active(&mut tx, run.ended_at).await?;
            runs.push(run);
        }
    }
    let last = records.iter().max_by_key(|record| record.db_index).context("no record")?;
    if runs.is_empty() {
        let reason = format!("Slurm ended the job before it started ({})", last.state.word());
        attempt::ended_without_run(&mut tx, attempt, AttemptState::Cancelled, &reason, &stamp)
            .await?;
    } else {
        // A short job may have come and gone between two looks at slurmctld.
        let started_at = runs.iter().map(|run| run.started_at).min();
        let ended_at = runs.iter().map(|run| run.ended_at).max();
        let run_count = i32::try_from(runs.len())?;
        hold::settle(&mut tx, &Settle { hold_id: attempt.hold_id, runs }, &stamp).await?;
        sqlx::query!(
            "update broker.attempt set state = 'settled', slurm_state = $2, ended_at = $3,
                 settled_at = $4, exit_code = $5, started_at = coalesce(started_at, $6),
                 start_count = greatest(start_count, $7)
             where attempt_id = $1",
            attempt.attempt_id,
            last.state.word(),
            ended_at,
            now,
            last.exit_code,
            started_at,
            run_count,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "update broker.assignment set until_at = $2
             where attempt_id = $1 and until_at is null",
            attempt.attempt_id,
            ended_at,
        )
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    tracing::info!(attempt.id = %attempt.attempt_id, slurm.job_id = attempt.spec.job_id,
        state = ?last.state, "an attempt is settled");
    Ok(())
}

/// The run of one record; `None` if it never started.
fn run_of(record: &JobRecord, observation_id: Uuid) -> anyhow::Result<Option<NewRun>> {
    let (Some(started), Some(ended)) = (record.started_at, record.ended_at) else {
        return Ok(None);
    };
    if started == 0 {
        return Ok(None);
    }
    let gpu_count = gpus_of(record);
    let seconds = (ended - started - i64::try_from(record.suspended_s)?).max(0);
    let gpu_seconds =
        gpu_count.checked_mul(seconds).and_then(GpuSeconds::new).context("GPU-seconds overflow")?;
    Ok(Some(NewRun {
        run_id: record::id::fresh(),
        cluster: record.cluster.clone(),
        slurm_job_id: i64::from(record.job_id),
        db_index: i64::try_from(record.db_index)?,
        started_at: instant(started)?,
        ended_at: instant(ended)?,
        gpu_count,
        gpu_seconds,
        state: record.state.word().to_owned(),
        // Who bears a fault of the machine, the hold's rate card says as it is settled.
        chargeable: true,
        observation_id,
    }))
}

/// GPUs of a run: the untyped count if Slurm kept one, else the sum of the typed; never both.
pub(crate) fn gpus_of(record: &JobRecord) -> i64 {
    let untyped = record.tres.get("gres/gpu").copied();
    let typed = || {
        record.tres.iter().filter(|(name, _)| name.starts_with("gres/gpu:")).map(|(_, n)| *n).sum()
    };
    i64::try_from(untyped.unwrap_or_else(typed)).unwrap_or(i64::MAX)
}

fn instant(seconds: i64) -> anyhow::Result<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0).context("a time outside the calendar")
}

/// Stores a record as Slurm told it; an unchanged one is kept once.
pub(super) async fn keep_raw(
    tx: &mut PgConnection,
    source: &str,
    cluster: &str,
    job_id: u32,
    body: &Value,
    now: DateTime<Utc>,
) -> Result<Uuid, sqlx::Error> {
    let bytes = body.to_string();
    let digest = digest(&SHA256, bytes.as_bytes()).as_ref().to_vec();
    let inserted = sqlx::query_scalar!(
        "insert into broker.observation
             (observation_id, source, cluster, slurm_job_id, digest, body, observed_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict on constraint observation_kept_once do nothing
         returning observation_id",
        record::id::fresh(),
        source,
        cluster,
        i64::from(job_id),
        digest,
        body,
        now,
    )
    .fetch_optional(&mut *tx)
    .await?;
    match inserted {
        Some(observation_id) => Ok(observation_id),
        None => {
            sqlx::query_scalar!(
                "select observation_id from broker.observation
                 where source = $1 and cluster = $2 and slurm_job_id = $3 and digest = $4",
                source,
                cluster,
                i64::from(job_id),
                digest,
            )
            .fetch_one(tx)
            .await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record_with(tres: &[(&str, u64)]) -> JobRecord {
        JobRecord {
            db_index: 1,
            job_id: 7,
            cluster: "c".into(),
            admin_comment: None,
            account: None,
            partition: None,
            user: None,
            state: JobState::Completed,
            submitted_at: Some(90),
            started_at: Some(100),
            ended_at: Some(160),
            suspended_s: 10,
            tres: tres.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect(),
            nodes: None,
            exit_code: Some(0),
            array_job_id: None,
            array_task_id: None,
        }
    }

    #[test]
    fn typed_and_untyped_gpus_are_never_added_up() {
        assert_eq!(gpus_of(&record_with(&[("gres/gpu", 2), ("gres/gpu:h200", 2)])), 2);
        assert_eq!(gpus_of(&record_with(&[("gres/gpu:h200", 3), ("gres/gpumem", 9)])), 3);
    }

    #[test]
    fn a_record_without_its_partition_or_gpus_is_not_settled_yet() {
        let whole =
            JobRecord { partition: Some("confidential".into()), ..record_with(&[("gres/gpu", 2)]) };
        assert!(is_final(&whole));
        assert!(!is_final(&JobRecord { partition: Some(String::new()), ..whole.clone() }));
        assert!(!is_final(&JobRecord { tres: [].into(), ..whole.clone() }));
        assert!(!is_final(&JobRecord { ended_at: None, ..whole }));
    }

    #[test]
    fn suspended_time_is_not_charged() {
        let run = run_of(&record_with(&[("gres/gpu", 2)]), Uuid::nil()).unwrap().unwrap();
        assert_eq!(run.gpu_seconds.get(), 100);
    }

    #[test]
    fn a_job_cancelled_before_its_start_has_no_run() {
        let record = JobRecord { started_at: None, ..record_with(&[]) };
        assert!(run_of(&record, Uuid::nil()).unwrap().is_none());
    }
}
