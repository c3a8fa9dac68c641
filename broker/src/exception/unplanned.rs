//! Jobs that nobody planned: kept once, and posted when they are over.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, Stamp};
use serde_json::json;
use slurm_wire::JobRow;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ExceptionKind, Found, found};

/// Keeps a job that nobody planned, once. Returns its exception's id if it is new.
pub async fn keep_unplanned(
    tx: &mut PgConnection,
    cluster: &str,
    job: &JobRow,
    stamp: &Stamp<'_>,
) -> Result<Option<Uuid>, sqlx::Error> {
    let facts = json!({
        "account": job.account,
        "partition": job.partition,
        "uid": job.uid,
        "state": job.state,
        "gpus": job.gpus,
    });
    let found = Found {
        kind: ExceptionKind::UnplannedJob,
        cluster,
        slurm_job_id: i64::from(job.job_id),
        submitted_at: submitted_at(job),
        distinction: "",
        attempt_id: None,
        facts,
    };
    found::keep(tx, &found, stamp).await
}

/// Posts what an unplanned job took, once it is over. Returns whether this was news.
pub async fn post_use(
    tx: &mut PgConnection,
    cluster: &str,
    job: &JobRow,
    stamp: &Stamp<'_>,
) -> Result<bool, sqlx::Error> {
    let ended_at = job.ended_at.and_then(|at| DateTime::from_timestamp(at, 0));
    let taken = use_of(job);
    let posted = sqlx::query_scalar!(
        "update broker.exception set ended_at = $4, gpu_seconds = $5
         where kind = 'unplanned_job' and cluster = $1 and slurm_job_id = $2
             and submitted_at = $3 and ended_at is null
         returning exception_id",
        cluster,
        i64::from(job.job_id),
        submitted_at(job),
        ended_at.unwrap_or(stamp.now),
        taken.get(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(exception_id) = posted else { return Ok(false) };
    let details = json!({ "slurm_job_id": job.job_id, "gpu_seconds": taken });
    stamp.audit(tx, "exception.posted", ("exception", exception_id), details).await?;
    Ok(true)
}

/// GPU-seconds of a job that is over, by slurmctld's own figures: GPUs × (end − start).
fn use_of(job: &JobRow) -> GpuSeconds {
    let seconds = match (job.started_at, job.ended_at) {
        (Some(started), Some(ended)) if started > 0 => (ended - started).max(0),
        _ => 0,
    };
    let gpus = i64::try_from(job.gpus.len()).unwrap_or(i64::MAX);
    gpus.checked_mul(seconds).and_then(GpuSeconds::new).unwrap_or_default()
}

fn submitted_at(job: &JobRow) -> DateTime<Utc> {
    job.submitted_at.and_then(|at| DateTime::from_timestamp(at, 0)).unwrap_or_default()
}
