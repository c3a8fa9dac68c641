//! Keeping what was found, once, and noting when its job is over.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, Stamp};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::ExceptionKind;

/// Something that was found. What it is about tells it from others; the same again is not kept.
#[derive(Clone, Debug)]
pub struct Found<'a> {
    /// What kind of thing happened.
    pub kind: ExceptionKind,
    /// Slurm's cluster.
    pub cluster: &'a str,
    /// Slurm's job id.
    pub slurm_job_id: i64,
    /// When the job was submitted: Slurm may use an id again after years.
    pub submitted_at: DateTime<Utc>,
    /// What tells it from others of its kind and job; empty where there can be only one.
    pub distinction: &'a str,
    /// The attempt it is about.
    pub attempt_id: Option<Uuid>,
    /// What Slurm told, or what is wrong and what to do.
    pub facts: Value,
}

/// Keeps it, once. Returns the exception's id if it is new.
pub async fn keep(
    tx: &mut PgConnection,
    found: &Found<'_>,
    stamp: &Stamp<'_>,
) -> Result<Option<Uuid>, sqlx::Error> {
    let exception_id = record::id::fresh();
    let inserted = sqlx::query!(
        "insert into broker.exception (exception_id, kind, cluster, slurm_job_id, submitted_at,
             distinction, attempt_id, facts, found_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict on constraint exception_found_once do nothing",
        exception_id,
        found.kind as ExceptionKind,
        found.cluster,
        found.slurm_job_id,
        found.submitted_at,
        found.distinction,
        found.attempt_id,
        found.facts,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(None);
    }
    let details = json!({ "kind": found.kind, "cluster": found.cluster,
        "slurm_job_id": found.slurm_job_id, "attempt_id": found.attempt_id,
        "facts": found.facts });
    stamp.audit(tx, "exception.found", ("exception", exception_id), details).await?;
    Ok(Some(exception_id))
}

/// Notes that the job of an attempt that was missing or without an end is over after all, and what it
/// took. A person still closes the exception.
pub async fn has_ended(
    tx: &mut PgConnection,
    attempt_id: Uuid,
    (ended_at, taken): (DateTime<Utc>, GpuSeconds),
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    let ended = sqlx::query_scalar!(
        "update broker.exception set ended_at = $2, gpu_seconds = $3
         where attempt_id = $1 and kind in ('runaway_record', 'lost_job')
             and ended_at is null and closed_at is null
         returning exception_id",
        attempt_id,
        ended_at,
        taken.get(),
    )
    .fetch_all(&mut *tx)
    .await?;
    for exception_id in ended {
        let details = json!({ "attempt_id": attempt_id, "gpu_seconds": taken });
        stamp.audit(tx, "exception.posted", ("exception", exception_id), details).await?;
    }
    Ok(())
}
