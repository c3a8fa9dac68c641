//! Job plans: quote, submit, cancel.

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
use crate::plan::need::Need;
use crate::plan::{self, Admission, Ask, Quote, wish};

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
    /// Tasks of the script, each with the GPUs and the time; above 1 it is an array, and each task
    /// finds its number in SLURM_ARRAY_TASK_ID, from 0.
    #[serde(default = "one")]
    task_count: i64,
    /// Most tasks of an array that run at once.
    #[serde(default)]
    tasks_at_once: Option<i64>,
    /// Slurm does not start it before.
    #[serde(default)]
    begin_at: Option<DateTime<Utc>>,
    /// Other job plans of the project that must have ended first, each as its condition says:
    /// `ended`, `succeeded` or `failed`.
    #[serde(default)]
    after: Vec<Need>,
}

const fn one() -> i64 {
    1
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
            task_count: self.task_count,
            tasks_at_once: self.tasks_at_once,
            begin_at: self.begin_at,
            after: self.after,
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

impl From<Admission> for PlanAdmitted {
    fn from(admission: Admission) -> Self {
        Self {
            job_plan_id: admission.job_plan_id,
            attempt_id: admission.attempt_id,
            slurm_job_id: admission.slurm_job_id,
            held_gpu_seconds: admission.quote.gpu_seconds.get(),
            held_usek: admission.quote.usek.get(),
        }
    }
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
    let mut tx = plan::begin(&app.db).await?;
    let stamp = caller.stamp(app.clock.now(), None);
    let outcome = plan::submit(&mut tx, (&*app.config, &app.clusters), &ask, &stamp).await;
    app.metrics.admission(if outcome.is_ok() { "admitted" } else { "refused" });
    let admission = outcome.map_err(|error| ApiError::of_plan(error, language))?;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    let status = if admission.repeated { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(admission.into())))
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
    let newest = wish::lock(&mut tx, job_plan_id).await?;
    project::visible(&mut tx, &caller, newest.project_id)
        .await
        .map_err(|_| ApiError::not_found("job plan"))?;
    project::member_only(&mut tx, &caller, newest.project_id).await?;
    if newest.state >= AttemptState::Ended {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "job_plan_over",
            "the job is over; there is nothing left to cancel",
        ));
    }
    if attempt::want_cancelled(&mut tx, newest.attempt_id, "cancelled by a member").await? {
        let stamp = caller.stamp(app.clock.now(), None);
        let effect = Effect::Cancel { attempt_id: newest.attempt_id };
        outbox::want(&mut tx, &effect, stamp.trace_id, stamp.now).await?;
        stamp.audit(&mut tx, "attempt.cancel", ("attempt", newest.attempt_id), json!({})).await?;
        tx.commit().await?;
        app.outbox_wake.notify_one();
    }
    Ok(StatusCode::ACCEPTED)
}
