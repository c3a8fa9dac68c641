//! What people do with a job that is under way: hold and release, more time, suspend, try again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::job_plan::PlanAdmitted;
use super::{ApiError, Body, Path, Reads, project};
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::plan::extend::{self, Extension};
use crate::plan::keep::{self, Keeper};
use crate::plan::wish::{self, Newest};
use crate::plan::{self, suspend};

/// A reason, where one is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    /// Shown to the members, and kept in the audit trail. An operator must give one.
    #[serde(default)]
    why: Option<String>,
}

impl Reason {
    fn given(&self) -> Option<&str> {
        self.why.as_deref().map(str::trim).filter(|why| !why.is_empty())
    }

    fn required(&self) -> Result<&str, ApiError> {
        self.given().ok_or_else(|| {
            let message = "say why: the members are shown it, and it is kept in the audit trail";
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "why_missing", message)
        })
    }
}

/// Keeps a waiting job from starting until it is released. Its money stays set aside.
#[utoipa::path(post, path = "/v1/job-plans/{job_plan_id}/hold", tag = "job plans",
    params(("job_plan_id" = Uuid, Path,)), request_body = Reason,
    responses((status = 202, description = "Held, or on its way to be"), (status = 404),
        (status = 409, description = "The job has started, or is over"), (status = 422)))]
pub(super) async fn hold(
    State(app): State<App>,
    caller: Caller,
    Path(job_plan_id): Path<Uuid>,
    Body(reason): Body<Reason>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.db.begin().await?;
    let newest = newest(&mut tx, &caller, job_plan_id).await?;
    let keeper = keeper(&mut tx, &caller, &newest).await?;
    let why = match keeper {
        Keeper::Member(_) => reason.given(),
        Keeper::Operator(_) => Some(reason.required()?),
    };
    keep::hold(&mut tx, &newest, keeper, &caller.stamp(app.clock.now(), why)).await?;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    Ok(StatusCode::ACCEPTED)
}

/// Lets a held job go. What an operator holds, only an operator releases.
#[utoipa::path(post, path = "/v1/job-plans/{job_plan_id}/release", tag = "job plans",
    params(("job_plan_id" = Uuid, Path,)), request_body = Reason,
    responses((status = 202, description = "Released, or on its way to be"), (status = 404),
        (status = 409, description = "An operator holds it, or the job is over")))]
pub(super) async fn release(
    State(app): State<App>,
    caller: Caller,
    Path(job_plan_id): Path<Uuid>,
    Body(reason): Body<Reason>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.db.begin().await?;
    let newest = newest(&mut tx, &caller, job_plan_id).await?;
    let keeper = keeper(&mut tx, &caller, &newest).await?;
    let stamp = caller.stamp(app.clock.now(), reason.given());
    keep::release(&mut tx, &newest, keeper, &stamp).await?;
    tx.commit().await?;
    Ok(StatusCode::ACCEPTED)
}

/// More time for a job.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Extend {
    /// Chosen by the client; repeating the same request changes nothing.
    extension_id: Uuid,
    /// Added to the wall time limit; rounded up to whole minutes, as Slurm counts.
    extra_s: i64,
}

/// Gives a waiting or running job more time: what it costs is set aside first. If Slurm refuses, that
/// goes back.
#[utoipa::path(post, path = "/v1/job-plans/{job_plan_id}/extensions", tag = "job plans",
    params(("job_plan_id" = Uuid, Path,)), request_body = Extend,
    responses((status = 202, body = Extension, description = "Set aside; Slurm is told"),
        (status = 404), (status = 409, description = "The reasons against it"), (status = 422)))]
pub(super) async fn extend(
    State(app): State<App>,
    caller: Caller,
    Reads(language): Reads,
    Path(job_plan_id): Path<Uuid>,
    Body(body): Body<Extend>,
) -> Result<(StatusCode, Json<Extension>), ApiError> {
    let mut tx = app.db.begin().await?;
    let newest = newest(&mut tx, &caller, job_plan_id).await?;
    project::member_only(&mut tx, &caller, newest.project_id).await?;
    let wanted = (body.extension_id, body.extra_s);
    let stamp = caller.stamp(app.clock.now(), None);
    let extension = extend::extend(&mut tx, &newest, wanted, &stamp)
        .await
        .map_err(|error| ApiError::of_extension(error, language))?;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    Ok((StatusCode::ACCEPTED, Json(extension)))
}

/// Suspends a running job. Its nodes and GPUs stay its own; its suspended seconds are not charged.
#[utoipa::path(post, path = "/v1/job-plans/{job_plan_id}/suspension", tag = "job plans",
    params(("job_plan_id" = Uuid, Path,)), request_body = Reason,
    responses((status = 202, description = "Suspended, or on its way to be"), (status = 404),
        (status = 409, description = "The job does not run"), (status = 422)))]
pub(super) async fn suspend(
    State(app): State<App>,
    caller: Caller,
    Path(job_plan_id): Path<Uuid>,
    Body(reason): Body<Reason>,
) -> Result<StatusCode, ApiError> {
    let stamp = caller.stamp(app.clock.now(), Some(reason.required()?));
    let mut tx = app.db.begin().await?;
    let newest = newest(&mut tx, &caller, job_plan_id).await?;
    suspend::suspend(&mut tx, &newest, caller.person_id, &stamp).await?;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    Ok(StatusCode::ACCEPTED)
}

/// Lets a suspended job go on.
#[utoipa::path(post, path = "/v1/job-plans/{job_plan_id}/resumption", tag = "job plans",
    params(("job_plan_id" = Uuid, Path,)), request_body = Reason,
    responses((status = 202, description = "Running, or on its way to be"), (status = 404),
        (status = 409, description = "The job is over"), (status = 422)))]
pub(super) async fn resume(
    State(app): State<App>,
    caller: Caller,
    Path(job_plan_id): Path<Uuid>,
    Body(reason): Body<Reason>,
) -> Result<StatusCode, ApiError> {
    let stamp = caller.stamp(app.clock.now(), Some(reason.required()?));
    let mut tx = app.db.begin().await?;
    let newest = newest(&mut tx, &caller, job_plan_id).await?;
    suspend::resume(&mut tx, &newest, &stamp).await?;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    Ok(StatusCode::ACCEPTED)
}

/// A further attempt.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    /// Chosen by the client; repeating the same request changes nothing.
    attempt_id: Uuid,
}

/// Tries an ended plan again: a new attempt with its own hold and its own job in Slurm.
#[utoipa::path(post, path = "/v1/job-plans/{job_plan_id}/retry", tag = "job plans",
    params(("job_plan_id" = Uuid, Path,)), request_body = Retry,
    responses((status = 201, body = PlanAdmitted),
        (status = 200, body = PlanAdmitted, description = "It was tried again before"),
        (status = 404), (status = 409, description = "It is not over, or the reasons against it")))]
pub(super) async fn retry(
    State(app): State<App>,
    caller: Caller,
    Reads(language): Reads,
    Path(job_plan_id): Path<Uuid>,
    Body(body): Body<Retry>,
) -> Result<(StatusCode, Json<PlanAdmitted>), ApiError> {
    let mut tx = app.db.begin().await?;
    let newest = newest(&mut tx, &caller, job_plan_id).await?;
    project::member_only(&mut tx, &caller, newest.project_id).await?;
    let stamp = caller.stamp(app.clock.now(), None);
    let rules = (&*app.config, &app.clusters);
    let outcome = plan::retry(&mut tx, rules, (&newest, body.attempt_id), &stamp).await;
    app.metrics.admission(if outcome.is_ok() { "admitted" } else { "refused" });
    let admission = outcome.map_err(|error| ApiError::of_retry(error, language))?;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    let status = if admission.repeated { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(admission.into())))
}

/// The newest attempt of a plan that the caller may see, locked.
async fn newest(
    tx: &mut PgConnection,
    caller: &Caller,
    job_plan_id: Uuid,
) -> Result<Newest, ApiError> {
    let newest = wish::lock(&mut *tx, job_plan_id).await?;
    project::visible(tx, caller, newest.project_id)
        .await
        .map_err(|_| ApiError::not_found("job plan"))?;
    Ok(newest)
}

/// As what the caller holds or releases: as a member if they are one, else as an operator.
async fn keeper(
    tx: &mut PgConnection,
    caller: &Caller,
    newest: &Newest,
) -> Result<Keeper, ApiError> {
    match project::member_only(tx, caller, newest.project_id).await {
        Ok(_) => Ok(Keeper::Member(caller.person_id)),
        Err(_) if caller.is(Role::Operator) => Ok(Keeper::Operator(caller.person_id)),
        Err(refused) => Err(refused),
    }
}
