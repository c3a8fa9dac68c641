//! A member tries an ended plan again: a new attempt with its own hold and job id.

use record::{GpuSeconds, MicroSek, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::wish::{Newest, WishError};
use super::{Admission, PlanError, Quote, again};
use crate::app::Clusters;
use crate::config::Config;

/// Why a plan was not tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// It is not over, or the id is taken.
    #[error(transparent)]
    Wish(#[from] WishError),
    /// It was not admitted.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl From<sqlx::Error> for RetryError {
    fn from(error: sqlx::Error) -> Self {
        Self::Wish(error.into())
    }
}

/// Admits the plan anew on what its project has now, as an attempt with the id that the client chose.
///
/// The same again gets the same answer. `newest` is locked: of two that try again at once, the
/// second finds the first one's attempt.
pub async fn retry(
    tx: &mut PgConnection,
    rules: (&Config, &Clusters),
    (newest, attempt_id): (&Newest, Uuid),
    stamp: &Stamp<'_>,
) -> Result<Admission, RetryError> {
    let job_plan_id = newest.job_plan_id;
    if let Some(earlier) = earlier(&mut *tx, job_plan_id, attempt_id).await? {
        return Ok(earlier);
    }
    // Looked up afresh: whoever held the lock before may have tried it again.
    let newest = super::wish::lock(&mut *tx, job_plan_id).await?;
    if !newest.state.is_over() {
        let Newest { attempt_id, state, .. } = newest;
        return Err(WishError::StillOpen { job_plan_id, attempt_id, state }.into());
    }
    let admission = again::again_as(&mut *tx, rules, (job_plan_id, attempt_id), stamp).await?;
    let details = json!({ "attempt_id": attempt_id, "after": newest.attempt_id });
    stamp.audit(tx, "job_plan.retry", ("job_plan", job_plan_id), details).await?;
    Ok(admission)
}

/// The answer to an id that was used before; under another plan it is refused.
async fn earlier(
    tx: &mut PgConnection,
    job_plan_id: Uuid,
    attempt_id: Uuid,
) -> Result<Option<Admission>, WishError> {
    let row = sqlx::query!(
        "select job_plan_id, slurm_job_id, held_gpu_seconds, held_usek
         from broker.attempt where attempt_id = $1",
        attempt_id,
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.job_plan_id != job_plan_id {
        return Err(WishError::AttemptIdReused(attempt_id));
    }
    let quote = Quote {
        gpu_seconds: GpuSeconds::new(row.held_gpu_seconds).unwrap_or_default(),
        usek: MicroSek::new(row.held_usek).unwrap_or_default(),
    };
    let slurm_job_id = row.slurm_job_id;
    Ok(Some(Admission { job_plan_id, attempt_id, slurm_job_id, quote, repeated: true }))
}
