//! Records of attempts that are over: a run that came late is charged, and one that was edited after
//! it was charged is an exception.

use accounting::hold::{self, Settle, SettleError};
use chrono::{DateTime, Utc};
use record::{Actor, Stamp};
use serde_json::json;
use slurm_wire::JobRecord;
use sqlx::PgConnection;

use super::roll::Watched;
use super::{keep_record, run, start};
use crate::app::App;
use crate::exception::{self, ExceptionKind, Found};
use crate::plan::attempt;

/// Takes in what slurmdbd tells of an attempt that is over.
pub(super) async fn take_in(
    app: &App,
    watched: &Watched,
    record: &JobRecord,
) -> anyhow::Result<()> {
    let now = app.clock.now();
    let (actor, trace_id) = (Actor::Program("watcher"), watched.trace_id);
    let stamp = Stamp { actor, now, why: None, trace_id };
    let mut tx = app.db.begin().await?;
    // The attempt first and its hold after it, as everywhere.
    attempt::lock(&mut tx, watched.attempt_id).await?;
    let observation_id = keep_record::keep(&mut tx, &watched.cluster, record, now).await?;
    if !run::is_final(record) {
        let lost = lost_its_gpus(&mut tx, watched, record).await?;
        tx.commit().await?;
        return match lost {
            Some(ended_at) => edited(app, watched, (record, 0, ended_at), &stamp).await,
            None => Ok(()),
        };
    }
    let Some(run) = run::of(&mut tx, record, observation_id).await? else {
        tx.commit().await?;
        return Ok(());
    };
    let (ended_at, gpu_seconds) = (run.ended_at, run.gpu_seconds);
    let request = Settle { hold_id: watched.hold_id, runs: vec![run] };
    match hold::settle(&mut tx, &request, &stamp).await {
        Ok(_) => {
            let kept =
                keep_record::of_jobs(&mut tx, &watched.cluster, &[watched.asked_id()]).await?;
            let records: Vec<&JobRecord> = kept.iter().map(|kept| &kept.record).collect();
            let seconds = start::told_by(&mut tx, watched, &records, &stamp).await?;
            exception::has_ended(&mut tx, watched.attempt_id, (ended_at, gpu_seconds), &stamp)
                .await?;
            tx.commit().await?;
            (0..seconds).for_each(|_| app.metrics.second_start());
            Ok(())
        }
        Err(SettleError::RunDiffers { .. }) => {
            drop(tx); // The ledger keeps what it has; what slurmdbd says now is told to a person.
            edited(app, watched, (record, gpu_seconds.get(), ended_at), &stamp).await
        }
        Err(error) => Err(error.into()),
    }
}

/// When the run ended of a record that was charged and tells of no GPU any more. slurmctld 22.05 may tell
/// slurmdbd of a start once more after it was started anew, also of a job that is over by then.
async fn lost_its_gpus(
    tx: &mut PgConnection,
    watched: &Watched,
    record: &JobRecord,
) -> anyhow::Result<Option<DateTime<Utc>>> {
    let Some(ended_at) = record.ended_at.and_then(|at| DateTime::from_timestamp(at, 0)) else {
        return Ok(None);
    };
    let key = record.db_index.cast_signed();
    let runs = accounting::run::posted(tx, &watched.cluster, (ended_at, ended_at), &[key]).await?;
    Ok(runs.iter().any(|run| run.db_index == key).then_some(ended_at))
}

/// A record that was charged reads otherwise now. Charges are facts: a person decides, and a
/// correction is a new entry.
async fn edited(
    app: &App,
    watched: &Watched,
    (record, gpu_seconds, ended_at): (&JobRecord, i64, DateTime<Utc>),
    stamp: &Stamp<'_>,
) -> anyhow::Result<()> {
    let mut tx = app.db.begin().await?;
    let observation_id = keep_record::keep(&mut tx, &watched.cluster, record, stamp.now).await?;
    // One exception per reading: what is edited twice is told twice.
    let distinction = observation_id.to_string();
    let found = Found {
        kind: ExceptionKind::EditedRecord,
        cluster: &watched.cluster,
        slurm_job_id: i64::from(record.job_id),
        submitted_at: watched.created_at,
        distinction: &distinction,
        attempt_id: Some(watched.attempt_id),
        facts: json!({
            "db_index": record.db_index,
            "now": { "gpu_seconds": gpu_seconds, "ended_at": ended_at, "state": record.state,
                "started_at": record.started_at },
            "observation_id": observation_id,
            "sentence": "slurmdbd's record was changed after it was charged; the charge stands \
                         until a person corrects it",
        }),
    };
    let is_new = exception::keep(&mut tx, &found, stamp).await?.is_some();
    tx.commit().await?;
    if is_new {
        tracing::error!(attempt.id = %watched.attempt_id, slurm.job_id = record.job_id,
            slurm.db_index = record.db_index,
            "slurmdbd's record of a run was changed after it was charged");
    }
    Ok(())
}
