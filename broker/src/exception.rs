//! Exceptions: what happened on the cluster that should not have, found, stopped and posted.
//!
//! A job on the broker's partitions or accounts that nobody planned is one. It holds no grant, so
//! nobody is charged for it; what it took is posted here, in GPU-seconds, until a person has looked
//! at it and closed it with a reason.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, Stamp};
use serde::Serialize;
use serde_json::{Value, json};
use slurm_wire::JobRow;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "broker.exception_kind", rename_all = "snake_case")]
pub enum ExceptionKind {
    /// A job on the broker's partitions or accounts that the broker never submitted.
    UnplannedJob,
}

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Exception {
    /// Which.
    pub exception_id: Uuid,
    /// What happened.
    pub kind: ExceptionKind,
    /// Slurm's cluster.
    pub cluster: String,
    /// Slurm's job id.
    pub slurm_job_id: i64,
    /// What Slurm told when it was found: account, partition, uid, state.
    pub facts: Value,
    /// When it was found.
    pub found_at: DateTime<Utc>,
    /// When its job was over.
    pub ended_at: Option<DateTime<Utc>>,
    /// GPU-seconds that it took, once it is over. Charged to nobody.
    pub gpu_seconds: Option<i64>,
    /// When a person closed it.
    pub closed_at: Option<DateTime<Utc>>,
}

/// Why an exception was not closed.
#[derive(Debug, thiserror::Error)]
pub enum ExceptionError {
    /// No exception has the id.
    #[error("there is no exception {0}; list them with `mimer exception list`")]
    NoSuchException(Uuid),
    /// Its job may still take GPUs.
    #[error("the job of exception {0} is not over yet; close it when Slurm has ended the job")]
    NotOverYet(Uuid),
    /// Nobody said why.
    #[error("closing an exception needs a reason; say what was found")]
    NoReason,
    /// The database failed.
    #[error("reading or writing exceptions")]
    Database(#[from] sqlx::Error),
}

impl ExceptionError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchException(_) => "no_such_exception",
            Self::NotOverYet(_) => "exception_not_over",
            Self::NoReason => "exception_no_reason",
            Self::Database(_) => "exception_database",
        }
    }
}

/// Keeps a job that nobody planned, once. Returns its exception's id if it is new.
pub async fn keep_unplanned(
    tx: &mut PgConnection,
    cluster: &str,
    job: &JobRow,
    stamp: &Stamp<'_>,
) -> Result<Option<Uuid>, sqlx::Error> {
    let exception_id = record::id::fresh();
    let facts = json!({
        "account": job.account,
        "partition": job.partition,
        "uid": job.uid,
        "state": job.state,
        "gpus": job.gpus,
    });
    let inserted = sqlx::query!(
        "insert into broker.exception
             (exception_id, kind, cluster, slurm_job_id, submitted_at, facts, found_at)
         values ($1, 'unplanned_job', $2, $3, $4, $5, $6)
         on conflict on constraint exception_found_once do nothing",
        exception_id,
        cluster,
        i64::from(job.job_id),
        submitted_at(job),
        facts,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(None);
    }
    let details = json!({ "kind": ExceptionKind::UnplannedJob, "cluster": cluster,
        "slurm_job_id": job.job_id, "facts": facts });
    stamp.audit(tx, "exception.found", ("exception", exception_id), details).await?;
    Ok(Some(exception_id))
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

/// Closes an exception that a person has looked at. Closed already is well.
pub async fn close(
    tx: &mut PgConnection,
    exception_id: Uuid,
    closed_by: Uuid,
    stamp: &Stamp<'_>,
) -> Result<Exception, ExceptionError> {
    if stamp.why.is_none_or(|why| why.trim().is_empty()) {
        return Err(ExceptionError::NoReason);
    }
    let not_found = ExceptionError::NoSuchException(exception_id);
    let found = by_id(&mut *tx, exception_id).await?.ok_or(not_found)?;
    if found.ended_at.is_none() {
        return Err(ExceptionError::NotOverYet(exception_id));
    }
    let closed = sqlx::query!(
        "update broker.exception set closed_at = $2, closed_by = $3
         where exception_id = $1 and closed_at is null",
        exception_id,
        stamp.now,
        closed_by,
    )
    .execute(&mut *tx)
    .await?;
    if closed.rows_affected() == 1 {
        stamp.audit(tx, "exception.close", ("exception", exception_id), json!({})).await?;
    }
    Ok(by_id(tx, exception_id).await?.ok_or(sqlx::Error::RowNotFound)?)
}

/// One exception.
pub async fn by_id(
    tx: &mut PgConnection,
    exception_id: Uuid,
) -> Result<Option<Exception>, sqlx::Error> {
    sqlx::query_as!(
        Exception,
        r#"select exception_id, kind as "kind: ExceptionKind", cluster, slurm_job_id, facts,
               found_at, ended_at, gpu_seconds, closed_at
           from broker.exception where exception_id = $1"#,
        exception_id,
    )
    .fetch_optional(tx)
    .await
}

/// The exceptions, the open ones first, then the newest.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<Exception>, sqlx::Error> {
    sqlx::query_as!(
        Exception,
        r#"select exception_id, kind as "kind: ExceptionKind", cluster, slurm_job_id, facts,
               found_at, ended_at, gpu_seconds, closed_at
           from broker.exception
           order by closed_at is not null, found_at desc limit 500"#,
    )
    .fetch_all(tx)
    .await
}

/// How many wait for a person.
pub async fn count_open(tx: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from broker.exception where closed_at is null"#
    )
    .fetch_one(tx)
    .await
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

#[cfg(test)]
mod tests;
