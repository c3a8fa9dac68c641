//! Closing an exception: a person has looked at it and says what was found.
//!
//! Closing a *lost job* is a decision about money: Slurm has no record of it, so the attempt ends
//! without a run and its hold goes back. Should slurmdbd come to have its record after all, it is
//! charged as a late run.

use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Exception, ExceptionKind, by_id};
use crate::plan::attempt::{self, AttemptState};

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
    /// The attempt of a lost job could not be ended.
    #[error("the attempt of exception {0} cannot be ended; nothing was changed, try again")]
    NotEnded(Uuid, #[source] anyhow::Error),
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
            Self::NotEnded(..) => "exception_attempt_not_ended",
            Self::Database(_) => "exception_database",
        }
    }
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
    if found.kind == ExceptionKind::UnplannedJob && found.ended_at.is_none() {
        return Err(ExceptionError::NotOverYet(exception_id));
    }
    if found.kind == ExceptionKind::LostJob && found.closed_at.is_none() {
        give_back(tx, &found, stamp)
            .await
            .map_err(|error| ExceptionError::NotEnded(exception_id, error))?;
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
        let details = json!({ "kind": found.kind, "attempt_id": found.attempt_id });
        stamp.audit(tx, "exception.close", ("exception", exception_id), details).await?;
    }
    Ok(by_id(tx, exception_id).await?.ok_or(sqlx::Error::RowNotFound)?)
}

/// Ends a lost job's attempt without a run, unless slurmdbd has told of it meanwhile.
async fn give_back(
    tx: &mut PgConnection,
    found: &Exception,
    stamp: &Stamp<'_>,
) -> anyhow::Result<()> {
    let Some(attempt_id) = found.attempt_id else { return Ok(()) };
    // Locked before it is read: of this and the watcher that settles it, the second finds it over.
    if attempt::lock(tx, attempt_id).await?.is_over() {
        return Ok(());
    }
    let attempt = attempt::by_id(tx, attempt_id).await?;
    let reason = "Slurm lost the job; an operator decided that nothing is charged for it";
    attempt::ended_without_run(tx, &attempt, AttemptState::Cancelled, reason, stamp).await
}
