//! Job plans: quote, submit, show, cancel.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body, Path, Reads, project};
use crate::app::App;
use crate::auth::Caller;
use crate::outbox::{self, Effect};
use crate::plan::attempt::{self, AttemptState};
use crate::plan::{self, Ask, Quote};

/// What a person wants to run.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SubmitPlan {
    /// Chosen by the client; repeating the same request changes nothing.
    job_plan_id: Uuid,
    name: String,
    /// Batch script with its `#!` line.
    script: String,
    gpu_count: i64,
    wall_time_s: i64,
    class: String,
    #[serde(default)]
    link_ids: Vec<Uuid>,
}

impl SubmitPlan {
    fn ask(self, project_id: Uuid, person_id: Uuid) -> Ask {
        Ask {
            job_plan_id: self.job_plan_id,
            project_id,
            person_id,
            name: self.name,
            script: self.script,
            gpu_count: self.gpu_count,
            wall_time_s: self.wall_time_s,
            class: self.class,
            link_ids: self.link_ids,
        }
    }
}

/// Says what a plan would cost at most, or why it would be refused. Changes nothing.
#[utoipa::path(post, path = "/v1/projects/{project_id}/quotes", tag = "job plans",
    params(("project_id" = Uuid, Path,)), request_body = SubmitPlan,
    responses((status = 200, description = "GPU-seconds and µSEK that would be held"),
        (status = 409, description = "The reasons against it")))]
pub(super) async fn quote(
    State(app): State<App>,
    caller: Caller,
    Reads(language): Reads,
    Path(project_id): Path<Uuid>,
    Body(body): Body<SubmitPlan>,
) -> Result<Json<Quote>, ApiError> {
    let mut tx = app.db.begin().await?;
    let ask = body.ask(project_id, caller.person_id);
    let quote = plan::quote(&mut tx, &ask, app.clock.now()).await;
    Ok(Json(quote.map_err(|error| ApiError::of_plan(error, language))?))
}

/// An admitted plan.
#[derive(Serialize, ToSchema)]
pub(super) struct PlanAdmitted {
    job_plan_id: Uuid,
    attempt_id: Uuid,
    slurm_job_id: i64,
    held_gpu_seconds: i64,
    held_usek: i64,
}

/// Submits a plan: checks, places the hold and, after the commit, puts the job into Slurm.
#[utoipa::path(post, path = "/v1/projects/{project_id}/job-plans", tag = "job plans",
    params(("project_id" = Uuid, Path,)), request_body = SubmitPlan,
    responses((status = 201, body = PlanAdmitted),
        (status = 200, body = PlanAdmitted, description = "The same plan was sent before"),
        (status = 409, description = "The reasons against it")))]
pub(super) async fn submit(
    State(app): State<App>,
    caller: Caller,
    Reads(language): Reads,
    Path(project_id): Path<Uuid>,
    Body(body): Body<SubmitPlan>,
) -> Result<(StatusCode, Json<PlanAdmitted>), ApiError> {
    let ask = body.ask(project_id, caller.person_id);
    let mut tx = app.db.begin().await?;
    let stamp = caller.stamp(app.clock.now(), None);
    let outcome = plan::submit(&mut tx, (&app.config, &app.settings), &ask, &stamp).await;
    app.metrics.admission(if outcome.is_ok() { "admitted" } else { "refused" });
    let admission = outcome.map_err(|error| ApiError::of_plan(error, language))?;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    let status = if admission.repeated { StatusCode::OK } else { StatusCode::CREATED };
    Ok((
        status,
        Json(PlanAdmitted {
            job_plan_id: admission.job_plan_id,
            attempt_id: admission.attempt_id,
            slurm_job_id: admission.slurm_job_id,
            held_gpu_seconds: admission.quote.gpu_seconds.get(),
            held_usek: admission.quote.usek.get(),
        }),
    ))
}

/// Where a plan stands. Its output is data and is never shown here.
#[derive(Serialize, ToSchema)]
pub(super) struct PlanShown {
    job_plan_id: Uuid,
    project_id: Uuid,
    name: String,
    partition: String,
    gpu_count: i32,
    wall_time_s: i64,
    planned_at: DateTime<Utc>,
    attempts: Vec<AttemptShown>,
}

#[derive(Serialize, ToSchema)]
struct AttemptShown {
    attempt_id: Uuid,
    cluster: String,
    slurm_job_id: i64,
    #[schema(value_type = String)]
    state: AttemptState,
    slurm_state: Option<String>,
    reason: Option<String>,
    queued_at: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    settled_at: Option<DateTime<Utc>>,
    exit_code: Option<i32>,
    start_count: i32,
    /// Segments of metered use on the GPUs it held.
    segment_count: i64,
}

/// Shows one plan.
#[utoipa::path(get, path = "/v1/job-plans/{job_plan_id}", tag = "job plans",
    params(("job_plan_id" = Uuid, Path,)),
    responses((status = 200, body = PlanShown), (status = 404)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(job_plan_id): Path<Uuid>,
) -> Result<Json<PlanShown>, ApiError> {
    let mut connection = app.db.acquire().await?;
    let plan = sqlx::query!(
        "select project_id, name, partition, gpu_count, wall_time_s, planned_at
         from broker.job_plan where job_plan_id = $1",
        job_plan_id
    )
    .fetch_optional(&mut *connection)
    .await?
    .ok_or_else(|| ApiError::not_found("job plan"))?;
    project::visible(&mut connection, &caller, plan.project_id)
        .await
        .map_err(|_| ApiError::not_found("job plan"))?;
    let attempts = sqlx::query_as!(
        AttemptShown,
        r#"select a.attempt_id, a.cluster, a.slurm_job_id, a.state as "state: AttemptState",
               a.slurm_state, coalesce(a.refusal, a.cancel_reason) as reason, a.queued_at,
               a.started_at, a.ended_at, a.settled_at, a.exit_code, a.start_count,
               (select count(*) from broker.assignment g join broker.segment s
                    on s.node = g.node and s.gpu_minor = g.gpu_minor
                    and s.started_at < coalesce(g.until_at, 'infinity') and s.ended_at > g.from_at
                where g.attempt_id = a.attempt_id) as "segment_count!"
           from broker.attempt a where a.job_plan_id = $1 order by a.created_at"#,
        job_plan_id
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(Json(PlanShown {
        job_plan_id,
        project_id: plan.project_id,
        name: plan.name,
        partition: plan.partition,
        gpu_count: plan.gpu_count,
        wall_time_s: plan.wall_time_s,
        planned_at: plan.planned_at,
        attempts,
    }))
}

/// Cancels a plan's job. What it used until then is charged; the rest of the hold goes back.
#[utoipa::path(post, path = "/v1/job-plans/{job_plan_id}/cancellation", tag = "job plans",
    params(("job_plan_id" = Uuid, Path,)),
    responses((status = 202, description = "Slurm is told"), (status = 404),
        (status = 409, description = "The job is over")))]
pub(super) async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(job_plan_id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.db.begin().await?;
    let open = sqlx::query!(
        r#"select p.project_id, a.attempt_id, a.state as "state: AttemptState"
           from broker.job_plan p join broker.attempt a using (job_plan_id)
           where job_plan_id = $1 order by a.created_at desc limit 1 for update of a"#,
        job_plan_id
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(|| ApiError::not_found("job plan"))?;
    project::visible(&mut tx, &caller, open.project_id)
        .await
        .map_err(|_| ApiError::not_found("job plan"))?;
    project::member_only(&mut tx, &caller, open.project_id).await?;
    if open.state >= AttemptState::Ended {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "job_plan_over",
            "the job is over; there is nothing left to cancel",
        ));
    }
    if attempt::want_cancelled(&mut tx, open.attempt_id, "cancelled by a member").await? {
        let stamp = caller.stamp(app.clock.now(), None);
        let effect = Effect::Cancel { attempt_id: open.attempt_id };
        outbox::want(&mut tx, &effect, stamp.trace_id, stamp.now).await?;
        stamp.audit(&mut tx, "attempt.cancel", ("attempt", open.attempt_id), json!({})).await?;
        tx.commit().await?;
        app.outbox_wake.notify_one();
    }
    Ok(StatusCode::ACCEPTED)
}
