//! What is done to jobs at a limit: held while they wait, cancelled while they run, let go again.

use super::{
    Action, App, At, AttemptState, Effect, PgConnection, Policy, Step, Uuid, attempt, outbox,
};

/// An attempt of one of the agency's projects.
struct Open {
    attempt_id: Uuid,
    trace_id: Uuid,
}

/// Holds what waits. A job that starts in this moment runs on: only a waiting one can be held.
pub(super) async fn hold_pending(
    tx: &mut PgConnection,
    at: &mut At<'_>,
    step: Step,
) -> anyhow::Result<()> {
    let projects = projects_of(&mut *tx, at.policy.agency_id).await?;
    let waiting = sqlx::query_as!(
        Open,
        "select a.attempt_id, p.trace_id
         from broker.attempt a join broker.job_plan p using (job_plan_id)
         where p.project_id = any($1) and a.state in ('submitted', 'released')
             and a.cancel_reason is null and a.held_back_by is null
         order by a.attempt_id for update of a",
        &projects,
    )
    .fetch_all(&mut *tx)
    .await?;
    for Open { attempt_id, trace_id } in waiting {
        at.record(&mut *tx, step, Some(attempt_id)).await?;
        if at.policy.dry_run {
            continue;
        }
        // Back among those that wait for their release, which it gets when nothing holds it back.
        sqlx::query!(
            "update broker.attempt set held_back_by = $2, state = 'submitted'
             where attempt_id = $1",
            attempt_id,
            at.policy.limit_policy_id,
        )
        .execute(&mut *tx)
        .await?;
        outbox::want(&mut *tx, &Effect::Hold { attempt_id }, trace_id, at.stamp.now).await?;
    }
    Ok(())
}

/// Cancels what runs; what it took until then is charged.
pub(super) async fn cancel_running(
    tx: &mut PgConnection,
    at: &mut At<'_>,
    step: Step,
) -> anyhow::Result<()> {
    let projects = projects_of(&mut *tx, at.policy.agency_id).await?;
    let running = sqlx::query_as!(
        Open,
        "select a.attempt_id, p.trace_id
         from broker.attempt a join broker.job_plan p using (job_plan_id)
         where p.project_id = any($1) and a.state = $2 and a.cancel_reason is null
         order by a.attempt_id",
        &projects,
        AttemptState::Running as AttemptState,
    )
    .fetch_all(&mut *tx)
    .await?;
    let reason = format!("the agency has used {} % of its grants", step.at_percent);
    for Open { attempt_id, trace_id } in running {
        at.record(&mut *tx, step, Some(attempt_id)).await?;
        if !at.policy.dry_run && attempt::want_cancelled(&mut *tx, attempt_id, &reason).await? {
            outbox::want(&mut *tx, &Effect::Cancel { attempt_id }, trace_id, at.stamp.now).await?;
        }
    }
    Ok(())
}

/// Lets go what an agency's policy held back; the watcher releases it.
pub(super) async fn let_go(tx: &mut PgConnection, agency_id: Uuid) -> anyhow::Result<()> {
    let projects = projects_of(&mut *tx, agency_id).await?;
    sqlx::query!(
        "update broker.attempt a set held_back_by = null
         from broker.job_plan p
         where p.job_plan_id = a.job_plan_id and p.project_id = any($1)
             and a.held_back_by is not null",
        &projects,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Lets go what was held back under a policy that has ended since.
pub(super) async fn let_go_without_policy(app: &App, policies: &[Policy]) -> anyhow::Result<()> {
    let in_force: Vec<Uuid> = policies
        .iter()
        .filter(|policy| policy.steps.iter().any(|step| step.action == Action::HoldPending))
        .map(|policy| policy.limit_policy_id)
        .collect();
    sqlx::query!(
        "update broker.attempt set held_back_by = null
         where held_back_by is not null and held_back_by <> all($1)",
        &in_force,
    )
    .execute(&app.db)
    .await?;
    Ok(())
}

async fn projects_of(tx: &mut PgConnection, agency_id: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    let projects = quotas::project::list_for_agency(tx, agency_id).await?;
    Ok(projects.into_iter().map(|project| project.project_id).collect())
}
