//! Effects on Slurm: submit, release and cancel one attempt's job.

use record::{Actor, Stamp};
use serde_json::json;
use slurm_wire::{Answer, Call, OurJob, RefusalCode};
use uuid::Uuid;

use super::worker::{Outcome, ask, commit, record};
use super::{Claimed, Effect, want, withdraw_submit};
use crate::app::App;
use crate::gateway::GatewayError;
use crate::plan::attempt::{self, Attempt, AttemptState};

pub(super) fn stamp(app: &App, claimed: &Claimed) -> Stamp<'static> {
    Stamp {
        actor: Actor::Program("outbox"),
        now: app.clock.now(),
        why: None,
        trace_id: claimed.trace_id,
    }
}

/// Puts the job into Slurm, held. The same id again is harmless, so any doubt means "again".
pub(super) async fn submit(
    app: &App,
    claimed: &Claimed,
    attempt_id: Uuid,
) -> anyhow::Result<Outcome> {
    let attempt = attempt::by_id(&mut *app.db.acquire().await?, attempt_id).await?;
    if attempt.state.is_over() {
        if claimed.lease.tries == 1 {
            return Ok(Outcome::Done);
        }
        return take_back(app, &attempt.cluster, attempt.spec.ours()).await; // An earlier try may have left a job.
    }
    match ask(app, &attempt.cluster, &Call::Submit(Box::new(attempt.spec.clone()))).await {
        Ok(Answer::Submitted(submitted)) => {
            let stamp = stamp(app, claimed);
            let mut tx = app.db.begin().await?;
            if attempt::lock(&mut tx, attempt_id).await?.is_over() {
                drop(tx);
                let job = OurJob { job_id: submitted.job_id, ..attempt.spec.ours() };
                return take_back(app, &attempt.cluster, job).await;
            }
            if submitted.job_id != attempt.spec.job_id {
                // Without the right to choose ids, the broker learns here which one Slurm chose.
                attempt::known_as(&mut tx, attempt_id, submitted.job_id).await?;
            }
            attempt::queued(&mut tx, attempt_id, stamp.now).await?;
            let details = json!({
                "cluster": attempt.cluster,
                "slurm_job_id": submitted.job_id,
                "adopted": submitted.adopted,
            });
            stamp.audit(&mut tx, "attempt.submitted", ("attempt", attempt_id), details).await?;
            record(tx, claimed, stamp.now).await
        }
        Ok(_) => Err(GatewayError::OutOfTurn.into()),
        Err(error) if error.retry_helps() => {
            if let GatewayError::Refused(refusal) = &error
                && refusal.code == RefusalCode::NotKnownToSlurmYet
            {
                // Its account, user or QOS is on its way: the keeper makes it, then Slurm takes it.
                if let Some(one) = app.clusters.named(&attempt.cluster) {
                    one.wake.notify_one();
                }
            }
            Ok(Outcome::Later(error.to_string()))
        }
        Err(error) => refuse(app, claimed, &attempt, &error.to_string()).await,
    }
}

/// Cancels a job that came into Slurm after its attempt was over: the worker that submitted it had
/// stalled for longer than Slurm remembers a job. One that is gone already is well.
async fn take_back(app: &App, cluster: &str, job: OurJob) -> anyhow::Result<Outcome> {
    match ask(app, cluster, &Call::Cancel(job)).await {
        Err(error) if error.retry_helps() => Ok(Outcome::Later(error.to_string())),
        Ok(_) | Err(_) => Ok(Outcome::Done),
    }
}

/// Slurm will never take this job: the attempt ends and its hold goes back.
async fn refuse(
    app: &App,
    claimed: &Claimed,
    attempt: &Attempt,
    reason: &str,
) -> anyhow::Result<Outcome> {
    let stamp = stamp(app, claimed);
    let mut tx = app.db.begin().await?;
    attempt::ended_without_run(&mut tx, attempt, AttemptState::Refused, reason, &stamp).await?;
    let outcome = record(tx, claimed, stamp.now).await?;
    tracing::warn!(attempt.id = %attempt.attempt_id, reason, "Slurm refused a job");
    Ok(outcome)
}

/// Lets the held job start, after one more look at its permits.
pub(super) async fn release(
    app: &App,
    claimed: &Claimed,
    attempt_id: Uuid,
) -> anyhow::Result<Outcome> {
    let mut connection = app.db.acquire().await?;
    let attempt = attempt::by_id(&mut connection, attempt_id).await?;
    if attempt.state.is_over() || attempt.cancel_wanted || attempt.held_back {
        return Ok(Outcome::Done);
    }
    if let Err(refused) =
        crate::plan::permit::check(&mut connection, &attempt, app.clock.now()).await?
    {
        drop(connection);
        return stop_for_permit(app, claimed, &attempt, &refused).await;
    }
    drop(connection);
    match ask(app, &attempt.cluster, &Call::Release(attempt.spec.ours())).await {
        Ok(_) => {
            let stamp = stamp(app, claimed);
            let mut tx = app.db.begin().await?;
            attempt::lock(&mut tx, attempt_id).await?;
            if attempt::by_id(&mut tx, attempt_id).await?.held_back {
                // Somebody wanted it held while Slurm was told to let it go.
                want(&mut tx, &Effect::Hold { attempt_id }, claimed.trace_id, stamp.now).await?;
            } else if attempt::advance(&mut tx, attempt_id, AttemptState::Released).await? {
                stamp
                    .audit(&mut tx, "attempt.released", ("attempt", attempt_id), json!({}))
                    .await?;
            }
            record(tx, claimed, stamp.now).await
        }
        Err(error) => Ok(Outcome::Later(error.to_string())),
    }
}

/// A permit no longer holds: the job is cancelled instead of started.
async fn stop_for_permit(
    app: &App,
    claimed: &Claimed,
    attempt: &Attempt,
    refused: &str,
) -> anyhow::Result<Outcome> {
    let stamp = stamp(app, claimed);
    let mut tx = app.db.begin().await?;
    if attempt::want_cancelled(&mut tx, attempt.attempt_id, refused).await? {
        let effect = Effect::Cancel { attempt_id: attempt.attempt_id };
        want(&mut tx, &effect, claimed.trace_id, stamp.now).await?;
        let details = json!({ "reason": refused });
        let subject = ("attempt", attempt.attempt_id);
        stamp.audit(&mut tx, "attempt.stopped_for_permit", subject, details).await?;
    }
    record(tx, claimed, stamp.now).await
}

/// Cancels the job. A job that Slurm does not have yet may still be on its way, so that waits.
pub(super) async fn cancel(
    app: &App,
    claimed: &Claimed,
    attempt_id: Uuid,
) -> anyhow::Result<Outcome> {
    let attempt = attempt::by_id(&mut *app.db.acquire().await?, attempt_id).await?;
    if attempt.state.is_over() || never_sent(app, claimed, &attempt).await? {
        return Ok(Outcome::Done);
    }
    match ask(app, &attempt.cluster, &Call::Cancel(attempt.spec.ours())).await {
        Ok(_) => {
            let stamp = stamp(app, claimed);
            let mut tx = app.db.begin().await?;
            stamp.audit(&mut tx, "attempt.cancel_sent", ("attempt", attempt_id), json!({})).await?;
            record(tx, claimed, stamp.now).await
        }
        Err(GatewayError::Refused(refusal))
            if refusal.code == RefusalCode::UnknownJob
                && attempt.state == AttemptState::Admitted =>
        {
            Ok(Outcome::Later("the job is not in Slurm yet".to_owned()))
        }
        // Gone from Slurm's memory: it is over, and the watcher reads how from slurmdbd.
        Err(GatewayError::Refused(refusal)) if refusal.code == RefusalCode::UnknownJob => {
            Ok(Outcome::Done)
        }
        Err(error) => Ok(Outcome::Later(error.to_string())),
    }
}

/// Ends an attempt that Slurm never heard of, without asking Slurm. Returns false if it may have.
async fn never_sent(app: &App, claimed: &Claimed, attempt: &Attempt) -> anyhow::Result<bool> {
    if attempt.state != AttemptState::Admitted {
        return Ok(false);
    }
    let stamp = stamp(app, claimed);
    let mut tx = app.db.begin().await?;
    if !withdraw_submit(&mut tx, attempt.attempt_id, stamp.now).await? {
        return Ok(false);
    }
    let reason = "cancelled before Slurm heard of it";
    attempt::ended_without_run(&mut tx, attempt, AttemptState::Cancelled, reason, &stamp).await?;
    commit(tx).await?;
    Ok(true)
}

/// Cancels a job that nobody planned. One that is gone already is well.
pub(super) async fn cancel_stranger(app: &App, exception_id: Uuid) -> anyhow::Result<Outcome> {
    let mut connection = app.db.acquire().await?;
    let found = crate::exception::by_id(&mut connection, exception_id).await?;
    drop(connection);
    let Some(found) = found.filter(|found| found.ended_at.is_none()) else {
        return Ok(Outcome::Done);
    };
    let job_id = u32::try_from(found.slurm_job_id)?;
    match ask(app, &found.cluster, &Call::CancelStranger { job_id }).await {
        Ok(_) => Ok(Outcome::Done),
        Err(GatewayError::Refused(refusal)) if refusal.code == RefusalCode::UnknownJob => {
            Ok(Outcome::Done)
        }
        Err(error) => Ok(Outcome::Later(error.to_string())),
    }
}

/// Has Slurm look at a job that may have waited for a raised limit. One that no longer waits is well.
pub(super) async fn nudge(app: &App, attempt_id: Uuid) -> anyhow::Result<Outcome> {
    let attempt = attempt::by_id(&mut *app.db.acquire().await?, attempt_id).await?;
    if attempt.state != AttemptState::Released || attempt.cancel_wanted {
        return Ok(Outcome::Done);
    }
    match ask(app, &attempt.cluster, &Call::Nudge(attempt.spec.ours())).await {
        Ok(_) => Ok(Outcome::Done),
        Err(error) if error.retry_helps() => Ok(Outcome::Later(error.to_string())),
        // It started or ended meanwhile.
        Err(_) => Ok(Outcome::Done),
    }
}

/// Holds a waiting job again. One that runs or is over cannot be held, and need not be.
pub(super) async fn hold(
    app: &App,
    claimed: &Claimed,
    attempt_id: Uuid,
) -> anyhow::Result<Outcome> {
    let attempt = attempt::by_id(&mut *app.db.acquire().await?, attempt_id).await?;
    if attempt.state >= AttemptState::Running || !attempt.held_back {
        return Ok(Outcome::Done);
    }
    match ask(app, &attempt.cluster, &Call::Hold(attempt.spec.ours())).await {
        Ok(_) => Ok(Outcome::Done),
        Err(error) if error.retry_helps() => Ok(Outcome::Later(error.to_string())),
        Err(GatewayError::Refused(refusal)) if refusal.code == RefusalCode::SlurmRefused => {
            // It started meanwhile: whoever wanted it held is shown a job that runs.
            let stamp = stamp(app, claimed);
            let mut tx = app.db.begin().await?;
            crate::plan::keep::came_too_late(&mut tx, attempt_id, &stamp).await?;
            record(tx, claimed, stamp.now).await
        }
        // It ended meanwhile, or Slurm lost it: then it comes back held.
        Err(_) => Ok(Outcome::Done),
    }
}
