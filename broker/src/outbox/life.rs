//! Effects on a job that lives: a longer limit, suspended and resumed; and a job that must not live.

use serde_json::json;
use slurm_wire::{Call, OurJob, RefusalCode};
use uuid::Uuid;

use super::Claimed;
use super::job::stamp;
use super::worker::{Outcome, ask, record};
use crate::app::App;
use crate::gateway::GatewayError;
use crate::plan::attempt::{self, AttemptState};
use crate::plan::{extend, suspend};

/// Tells Slurm the longer limit. Refused for good, the additional hold goes back with the reason.
pub(super) async fn set_time_limit(
    app: &App,
    claimed: &Claimed,
    (attempt_id, extension_id): (Uuid, Uuid),
) -> anyhow::Result<Outcome> {
    let mut connection = app.db.acquire().await?;
    let attempt = attempt::by_id(&mut connection, attempt_id).await?;
    let Some(wanted) = extend::wanted(&mut connection, extension_id).await? else {
        return Ok(Outcome::Done);
    };
    let time_limit_min = extend::limit_min(&mut connection, attempt_id).await?;
    drop(connection);
    if wanted.is_answered {
        return Ok(Outcome::Done);
    }
    if attempt.state >= AttemptState::Ended {
        let reason = "the job was over before Slurm heard of it";
        return refuse(app, claimed, &wanted, reason).await;
    }
    if attempt.queued_at.is_none() {
        return Ok(Outcome::Later("the job is not in Slurm yet".to_owned()));
    }
    let call = Call::SetTimeLimit { job: attempt.spec.ours(), time_limit_min };
    match ask(app, &attempt.cluster, &call).await {
        Ok(_) => {
            let stamp = stamp(app, claimed);
            let mut tx = app.db.begin().await?;
            extend::granted(&mut tx, &wanted, time_limit_min, &stamp).await?;
            record(tx, claimed, stamp.now).await
        }
        Err(error) if error.retry_helps() => Ok(Outcome::Later(error.to_string())),
        Err(error) => refuse(app, claimed, &wanted, &error.to_string()).await,
    }
}

async fn refuse(
    app: &App,
    claimed: &Claimed,
    wanted: &extend::Wanted,
    reason: &str,
) -> anyhow::Result<Outcome> {
    let stamp = stamp(app, claimed);
    let mut tx = app.db.begin().await?;
    extend::refused(&mut tx, wanted, reason, &stamp).await?;
    let outcome = record(tx, claimed, stamp.now).await?;
    tracing::warn!(attempt.id = %wanted.attempt_id, reason, "Slurm refused a longer time limit");
    Ok(outcome)
}

/// Brings Slurm to what is wanted now: suspended, or running.
///
/// Effects may overtake each other, so each follows the wish as it stands and not its own name; a wish
/// that changed while Slurm was asked is followed once more.
pub(super) async fn follow_suspension(
    app: &App,
    claimed: &Claimed,
    attempt_id: Uuid,
) -> anyhow::Result<Outcome> {
    let attempt = attempt::by_id(&mut *app.db.acquire().await?, attempt_id).await?;
    if attempt.state != AttemptState::Running {
        return Ok(Outcome::Done);
    }
    let call = match attempt.suspended {
        true => Call::Suspend(attempt.spec.ours()),
        false => Call::Resume(attempt.spec.ours()),
    };
    let refused = match ask(app, &attempt.cluster, &call).await {
        Ok(_) => None,
        Err(error) if error.retry_helps() => return Ok(Outcome::Later(error.to_string())),
        Err(error) => Some(error.to_string()),
    };
    let stamp = stamp(app, claimed);
    let mut tx = app.db.begin().await?;
    attempt::lock(&mut tx, attempt_id).await?;
    if attempt::by_id(&mut tx, attempt_id).await?.suspended != attempt.suspended {
        return Ok(Outcome::Later("something else is wanted meanwhile".to_owned()));
    }
    let action = match (attempt.suspended, &refused) {
        (true, None) => "attempt.suspended",
        (false, None) => "attempt.resumed",
        (true, Some(_)) => "attempt.suspend_refused",
        (false, Some(_)) => "attempt.resume_refused",
    };
    if attempt.suspended && refused.is_some() {
        suspend::clear(&mut tx, attempt_id).await?; // It ended meanwhile, or cannot be suspended.
    }
    stamp.audit(&mut tx, action, ("attempt", attempt_id), json!({ "refused": refused })).await?;
    record(tx, claimed, stamp.now).await
}

/// Cancels a held job that a submission in doubt left behind, unless it has become the attempt's own.
pub(super) async fn cancel_orphan(app: &App, job_id: u32, key: &str) -> anyhow::Result<Outcome> {
    let own = sqlx::query!(
        r#"select cluster, slurm_job_id, queued_at is not null as "is_known!",
               state in ('settled', 'cancelled', 'refused') as "is_over!"
           from broker.attempt where slurm_key = $1"#,
        key,
    )
    .fetch_optional(&app.db)
    .await?;
    let Some(own) = own else { return Ok(Outcome::Done) }; // Another database's: not ours to end.
    if own.slurm_job_id == i64::from(job_id) && !own.is_over {
        return Ok(Outcome::Done);
    }
    if !own.is_known && !own.is_over {
        // Its submission is still in doubt and may yet take this very job for its own.
        return Ok(Outcome::Later("the attempt's own job is not known yet".to_owned()));
    }
    let orphan = OurJob { job_id, key: key.to_owned() };
    match ask(app, &own.cluster, &Call::Cancel(orphan)).await {
        Ok(_) => Ok(Outcome::Done),
        Err(GatewayError::Refused(refusal)) if refusal.code == RefusalCode::UnknownJob => {
            Ok(Outcome::Done)
        }
        Err(error) => Ok(Outcome::Later(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
