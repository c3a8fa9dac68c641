//! Exceptions: what happened on the cluster that should not have, found, posted, and looked at.
//!
//! A job that nobody planned is one: it is stopped, and charged to nobody. The others are about an
//! attempt of the broker's: a script that Slurm started twice, a record without an end, a job that
//! Slurm lost, a record that was edited. Each stays until a person has closed it with a reason.

mod close;
mod found;
mod unplanned;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

pub use close::{ExceptionError, close};
pub use found::{Found, has_ended, keep};
pub use unplanned::{keep_unplanned, post_use};

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "broker.exception_kind", rename_all = "snake_case")]
pub enum ExceptionKind {
    /// A job on the broker's partitions or accounts that the broker never submitted.
    UnplannedJob,
    /// Slurm started an attempt's script again by itself, under the same id.
    SecondStart,
    /// slurmdbd has a record without an end, of a job that slurmctld no longer has.
    RunawayRecord,
    /// A job that was seen on a node, that neither slurmctld nor slurmdbd knew any more, and that was
    /// submitted again.
    LostJob,
    /// A record of slurmdbd's was changed after it was charged.
    EditedRecord,
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
    /// The attempt it is about; none for a job that nobody planned.
    pub attempt_id: Option<Uuid>,
    /// What Slurm told when it was found: account, partition, uid, state; of an attempt, what is
    /// wrong and what to do.
    pub facts: Value,
    /// When it was found.
    pub found_at: DateTime<Utc>,
    /// When its job was over.
    pub ended_at: Option<DateTime<Utc>>,
    /// GPU-seconds that its job took, once that is over. Of a job that nobody planned they are
    /// charged to nobody.
    pub gpu_seconds: Option<i64>,
    /// When a person closed it.
    pub closed_at: Option<DateTime<Utc>>,
}

/// One exception.
pub async fn by_id(
    tx: &mut PgConnection,
    exception_id: Uuid,
) -> Result<Option<Exception>, sqlx::Error> {
    sqlx::query_as!(
        Exception,
        r#"select exception_id, kind as "kind: ExceptionKind", cluster, slurm_job_id, attempt_id,
               facts, found_at, ended_at, gpu_seconds, closed_at
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
        r#"select exception_id, kind as "kind: ExceptionKind", cluster, slurm_job_id, attempt_id,
               facts, found_at, ended_at, gpu_seconds, closed_at
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

#[cfg(test)]
mod tests;
