//! Closing an exception: a person has looked at it and says what was found.

use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Exception, ExceptionKind, by_id};

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
