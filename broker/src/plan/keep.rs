//! A person keeps a waiting job from starting, and lets it go again.
//!
//! This is Slurm's hold of a job in its queue, by a member or by an operator; the money that is set
//! aside stays. It goes beside what the agency's own policy holds back: the job starts when neither
//! keeps it.

use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::attempt::AttemptState;
use super::wish::{Newest, WishError};
use crate::outbox::{self, Effect};

/// As what a person acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// A member of the plan's project.
    Member(Uuid),
    /// An operator; only an operator lifts what one keeps.
    Operator(Uuid),
}

impl Keeper {
    const fn person_id(self) -> Uuid {
        match self {
            Self::Member(person_id) | Self::Operator(person_id) => person_id,
        }
    }

    const fn is_operator(self) -> bool {
        matches!(self, Self::Operator(_))
    }
}

/// Keeps the job waiting. What is kept already stays so; an operator's word goes over a member's.
pub async fn hold(
    tx: &mut PgConnection,
    newest: &Newest,
    keeper: Keeper,
    stamp: &Stamp<'_>,
) -> Result<(), WishError> {
    newest.still_goes_on()?;
    if newest.state >= AttemptState::Running {
        return Err(WishError::AlreadyStarted(newest.job_plan_id));
    }
    if newest.kept && (newest.kept_by_operator || !keeper.is_operator()) {
        return Ok(());
    }
    let attempt_id = newest.attempt_id;
    // Back among those that wait for their release, which it gets when nothing keeps it.
    sqlx::query!(
        "update broker.attempt set kept_by = $2, kept_by_operator = $3, kept_at = $4, kept_why = $5,
             state = case when state = 'released' then 'submitted' else state end
         where attempt_id = $1",
        attempt_id,
        keeper.person_id(),
        keeper.is_operator(),
        stamp.now,
        stamp.why,
    )
    .execute(&mut *tx)
    .await?;
    // One that Slurm does not have yet arrives there held.
    if newest.state > AttemptState::Admitted {
        outbox::want(tx, &Effect::Hold { attempt_id }, stamp.trace_id, stamp.now).await?;
    }
    let details = json!({ "operator": keeper.is_operator() });
    stamp.audit(tx, "attempt.hold", ("attempt", attempt_id), details).await?;
    Ok(())
}

/// Lets the job go; the watcher releases it when nothing else keeps it.
pub async fn release(
    tx: &mut PgConnection,
    newest: &Newest,
    keeper: Keeper,
    stamp: &Stamp<'_>,
) -> Result<(), WishError> {
    newest.still_goes_on()?;
    if !newest.kept {
        return Ok(());
    }
    if newest.kept_by_operator && !keeper.is_operator() {
        return Err(WishError::HeldByOperator(newest.job_plan_id));
    }
    clear(tx, newest.attempt_id).await?;
    let subject = ("attempt", newest.attempt_id);
    stamp.audit(tx, "attempt.let_go", subject, json!({ "operator": keeper.is_operator() })).await?;
    Ok(())
}

/// The job started before Slurm heard of the hold: nobody keeps it any more, and the record says so.
pub(crate) async fn came_too_late(
    tx: &mut PgConnection,
    attempt_id: Uuid,
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    if clear(tx, attempt_id).await? {
        let subject = ("attempt", attempt_id);
        stamp.audit(tx, "attempt.hold_too_late", subject, json!({})).await?;
    }
    Ok(())
}

/// A plan that is admitted anew, because a grant ended before its job could run, stays kept.
pub(crate) async fn carry_over(
    tx: &mut PgConnection,
    from: Uuid,
    to: Uuid,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update broker.attempt a
         set kept_by = old.kept_by, kept_by_operator = old.kept_by_operator,
             kept_at = old.kept_at, kept_why = old.kept_why
         from broker.attempt old
         where old.attempt_id = $1 and a.attempt_id = $2 and old.kept_by is not null",
        from,
        to,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn clear(tx: &mut PgConnection, attempt_id: Uuid) -> Result<bool, sqlx::Error> {
    let cleared = sqlx::query!(
        "update broker.attempt
         set kept_by = null, kept_by_operator = false, kept_at = null, kept_why = null
         where attempt_id = $1 and kept_by is not null",
        attempt_id,
    )
    .execute(tx)
    .await?;
    Ok(cleared.rows_affected() == 1)
}
