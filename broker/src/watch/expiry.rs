//! Holds whose time is up before their job came: the job is taken back, and the plan is admitted
//! anew on what the project has now, or refused with the reason.
//!
//! A hold expires when a job could no longer start and still end before the first of its grants
//! does. Changing a waiting job's payer under Slurm's eyes would be a race with its start, so the
//! attempt ends and a new one, with its own hold and job id, takes its place: in one transaction, so
//! that a plan is never taken back and forgotten. Should the old job start at that very moment, what
//! it takes is a late run of its grants, and it is cancelled.

use std::collections::HashSet;
use std::error::Error;

use accounting::hold::{self, OpenHold, ReleaseReason};
use record::{Actor, Stamp};
use serde_json::json;
use slurm_wire::{Answer, Call};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::app::App;
use crate::gateway::GatewayError;
use crate::outbox::{self, Effect};
use crate::plan::attempt::{self, Attempt, AttemptState};
use crate::plan::{self, Admission, PlanError, keep};

/// Holds read at once. Tests have few.
const AT_ONCE: i64 = if cfg!(test) { 1 } else { 100 };

/// Why an attempt is taken back.
const REASON: &str = "a grant that was to pay for it ends before it could run";

/// Takes back what can no longer run in time on this App's cluster.
pub(super) async fn look(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    let mut after = None;
    // All of them: those that cannot be taken back, and other clusters', are in nobody's way.
    loop {
        let mut connection = app.db.acquire().await?;
        let page = hold::expired(&mut connection, now, after.as_ref(), AT_ONCE).await?;
        drop(connection);
        let Some(&last) = page.last() else { break };
        look_at(app, &page).await?;
        after = Some(last);
    }
    give_up_lost_submissions(app).await
}

/// Takes back the attempts of expired holds that are on this App's cluster.
async fn look_at(app: &App, expired: &[OpenHold]) -> anyhow::Result<()> {
    let attempts: Vec<_> = expired.iter().map(|hold| hold.attempt_id).collect();
    let here = sqlx::query_scalar!(
        // What runs came in time, and what is cancelled is taken back already.
        "select attempt_id from broker.attempt
         where attempt_id = any($1) and cluster = $2
           and cancel_reason is null and state < 'running'",
        &attempts,
        app.cluster.name,
    );
    let here: HashSet<Uuid> = here.fetch_all(&app.db).await?.into_iter().collect();
    for hold in expired.iter().filter(|hold| here.contains(&hold.attempt_id)) {
        if let Err(error) = take_back(app, hold.attempt_id).await {
            tracing::error!(attempt.id = %hold.attempt_id, error = format!("{error:#}"),
                "an attempt whose hold is up cannot be taken back");
        }
    }
    Ok(())
}

/// Ends the attempt and admits its plan anew, or says why that cannot be.
async fn take_back(app: &App, attempt_id: Uuid) -> anyhow::Result<()> {
    let mut tx = app.db.begin().await?;
    yield_to_others(&mut tx).await?;
    if attempt::lock(&mut tx, attempt_id).await? >= AttemptState::Running {
        return Ok(()); // It came in time: what it takes is paid by the grants that were open then.
    }
    let attempt = attempt::by_id(&mut tx, attempt_id).await?;
    if !attempt::want_cancelled(&mut tx, attempt_id, REASON).await? {
        return Ok(());
    }
    let stamp = stamp(app, &attempt);
    outbox::want(&mut tx, &Effect::Cancel { attempt_id }, attempt.trace_id, stamp.now).await?;
    stamp.audit(&mut tx, "attempt.expired", ("attempt", attempt_id), json!({})).await?;

    let subject = ("job_plan", attempt.job_plan_id);
    let mut inner = tx.begin().await?;
    match readmit(app, &mut inner, &attempt, &stamp).await? {
        Ok(admission) => {
            inner.commit().await?;
            keep::carry_over(&mut tx, attempt_id, admission.attempt_id).await?;
            let details = json!({ "attempt_id": admission.attempt_id, "instead_of": attempt_id });
            stamp.audit(&mut tx, "job_plan.readmit", subject, details).await?;
            tracing::info!(attempt.id = %attempt_id, new = %admission.attempt_id,
                "a plan is admitted anew: its grant ended before the job could run");
        }
        Err(refused) => {
            // What the failed try wrote is undone: the hold stands until the job is out of Slurm.
            inner.rollback().await?;
            let reason = format!("{REASON}, and it cannot be admitted anew: {refused}");
            sqlx::query!(
                "update broker.attempt set cancel_reason = $2 where attempt_id = $1",
                attempt_id,
                reason,
            )
            .execute(&mut *tx)
            .await?;
            stamp.audit(&mut tx, "job_plan.not_readmitted", subject, json!({})).await?;
        }
    }
    tx.commit().await?;
    app.outbox_wake.notify_one();
    Ok(())
}

/// Gives the hold back and admits the plan on what there is then. The inner error is a no.
async fn readmit(
    app: &App,
    tx: &mut PgConnection,
    attempt: &Attempt,
    stamp: &Stamp<'_>,
) -> anyhow::Result<Result<Admission, PlanError>> {
    hold::release(&mut *tx, attempt.hold_id, ReleaseReason::Expired, stamp).await?;
    let rules = (&*app.config, &app.clusters);
    match plan::again(tx, rules, attempt.job_plan_id, stamp).await {
        Err(error) if has_failed(&error) => Err(error.into()),
        answer => Ok(answer),
    }
}

/// Whether the database failed, rather than the rules said no.
fn has_failed(error: &PlanError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(it) = cause {
        if it.is::<sqlx::Error>() {
            return true;
        }
        cause = it.source();
    }
    false
}

/// The grants of the old hold and of the new one are locked one after the other, which could wait in
/// a circle with an admission. Whoever waits so long here gives way, sooner than PostgreSQL looks for
/// circles, and tries again in the next round.
async fn yield_to_others(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query_scalar!("select set_config('lock_timeout', '500ms', true)").fetch_one(tx).await?;
    Ok(())
}

/// Gives back the holds of attempts that Slurm never took: their submission was given up, and after
/// a while neither slurmctld nor slurmdbd knows the job.
async fn give_up_lost_submissions(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    let patience = chrono::TimeDelta::seconds(app.config.duties.give_up_after_s);
    let given_up = sqlx::query!(
        r#"select o.outbox_id, a.attempt_id
           from broker.outbox o
               join broker.attempt a on a.attempt_id::text = o.effect->>'attempt_id'
           where o.effect->>'effect' = 'submit' and o.done_at is null and o.gave_up_at < $1
             and a.state = 'admitted' and a.cluster = $2
           limit 20"#,
        now - patience,
        app.cluster.name,
    )
    .fetch_all(&app.db)
    .await?;
    for row in given_up {
        let attempt = attempt::by_id(&mut *app.db.acquire().await?, row.attempt_id).await?;
        if known_to_slurm(app, &attempt).await? {
            continue; // Only its acknowledgement was lost; a retry of the dead letter adopts it.
        }
        let stamp = stamp(app, &attempt);
        let mut tx = app.db.begin().await?;
        // First the wish itself, so that no retry can bring the job after its hold is gone.
        let withdrawn = sqlx::query!(
            "update broker.outbox set done_at = $2
             where outbox_id = $1 and done_at is null and gave_up_at is not null",
            row.outbox_id,
            now,
        )
        .execute(&mut *tx)
        .await?;
        if withdrawn.rows_affected() == 1 {
            let reason = "Slurm never took it; its submission was given up";
            attempt::ended_without_run(&mut tx, &attempt, AttemptState::Refused, reason, &stamp)
                .await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Whether slurmctld or slurmdbd has ever heard of the attempt's job.
async fn known_to_slurm(app: &App, attempt: &Attempt) -> anyhow::Result<bool> {
    let job_ids = vec![attempt.spec.job_id];
    let jobs = app.gateway.call(&Call::ReadJobs { job_ids: job_ids.clone() }).await?;
    let records = app.gateway.call(&Call::ReadRecords { job_ids }).await?;
    match (jobs, records) {
        (Answer::Jobs(jobs), Answer::Records(records)) => {
            Ok(!jobs.is_empty() || !records.is_empty())
        }
        _ => Err(GatewayError::OutOfTurn.into()),
    }
}

fn stamp(app: &App, attempt: &Attempt) -> Stamp<'static> {
    Stamp {
        actor: Actor::Program("watcher"),
        now: app.clock.now(),
        why: None,
        trace_id: attempt.trace_id,
    }
}
