//! An operator suspends a running job, and lets it go on.
//!
//! A suspended job keeps its nodes and GPUs: its own seconds are not charged, and nobody else can use
//! what it holds. What is wanted stands in the attempt; the effects bring Slurm to it, whichever of
//! them comes last.

use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::attempt::AttemptState;
use super::wish::{Newest, WishError};
use crate::outbox::{self, Effect};

/// Wants the running job suspended. One that is suspended already stays so.
pub async fn suspend(
    tx: &mut PgConnection,
    newest: &Newest,
    operator: Uuid,
    stamp: &Stamp<'_>,
) -> Result<(), WishError> {
    newest.still_goes_on()?;
    let &Newest { job_plan_id, attempt_id, state, .. } = newest;
    if state != AttemptState::Running {
        return Err(WishError::NotRunning { job_plan_id, state });
    }
    if newest.suspended {
        return Ok(());
    }
    sqlx::query!(
        "update broker.attempt set suspended_by = $2, suspended_at = $3, suspended_why = $4
         where attempt_id = $1",
        attempt_id,
        operator,
        stamp.now,
        stamp.why,
    )
    .execute(&mut *tx)
    .await?;
    outbox::want(tx, &Effect::Suspend { attempt_id }, stamp.trace_id, stamp.now).await?;
    stamp.audit(tx, "attempt.suspend", ("attempt", attempt_id), json!({})).await?;
    Ok(())
}

/// Wants the suspended job to go on. One that runs already does.
pub async fn resume(
    tx: &mut PgConnection,
    newest: &Newest,
    stamp: &Stamp<'_>,
) -> Result<(), WishError> {
    newest.still_goes_on()?;
    if !newest.suspended {
        return Ok(());
    }
    let attempt_id = newest.attempt_id;
    clear(tx, attempt_id).await?;
    outbox::want(tx, &Effect::Resume { attempt_id }, stamp.trace_id, stamp.now).await?;
    stamp.audit(tx, "attempt.resume", ("attempt", attempt_id), json!({})).await?;
    Ok(())
}

/// Nobody wants it suspended any more: it goes on, or it is over.
pub(crate) async fn clear(tx: &mut PgConnection, attempt_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update broker.attempt set suspended_by = null, suspended_at = null, suspended_why = null
         where attempt_id = $1",
        attempt_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}
