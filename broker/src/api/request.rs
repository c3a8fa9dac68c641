//! Requests and the decisions on them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use quotas::decision::{self, Approve, Decision, NewGrant, Reject, Score};
use quotas::grant::Grant;
use quotas::request::{self, NewRequest, Pattern, Request};
use record::{GpuSeconds, MicroSek};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body, Path, project};
use crate::app::App;
use crate::auth::Caller;

/// What a project asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SubmitRequest {
    request_id: Uuid,
    purpose: String,
    class: String,
    #[schema(value_type = i64)]
    gpu_seconds: GpuSeconds,
    gpus_at_once: i64,
    longest_run_s: i64,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    /// `compute_to_data`, `data_to_compute` or `federated`.
    #[schema(value_type = String)]
    pattern: Pattern,
    /// The access mode it is asked by; its bounds then hold.
    #[serde(default)]
    access_mode_id: Option<Uuid>,
}

/// Sends a request for GPU time.
#[utoipa::path(post, path = "/v1/projects/{project_id}/requests", tag = "requests",
    params(("project_id" = Uuid, Path,)), request_body = SubmitRequest,
    responses((status = 201, description = "The request")))]
pub(super) async fn submit(
    State(app): State<App>,
    caller: Caller,
    Path(project_id): Path<Uuid>,
    Body(body): Body<SubmitRequest>,
) -> Result<(StatusCode, Json<Request>), ApiError> {
    let mut tx = app.db.begin().await?;
    project::member_only(&mut tx, &caller, project_id).await?;
    let new = NewRequest {
        request_id: body.request_id,
        project_id,
        requested_by: caller.person_id,
        purpose: body.purpose,
        class: body.class,
        gpu_seconds: body.gpu_seconds,
        gpus_at_once: body.gpus_at_once,
        longest_run_s: body.longest_run_s,
        from: body.from,
        until: body.until,
        pattern: body.pattern,
        access_mode_id: body.access_mode_id,
    };
    let request = request::submit(&mut tx, &new, &caller.stamp(app.clock.now(), None)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(request)))
}

/// Lists the requests that wait for a decision.
#[utoipa::path(get, path = "/v1/requests", tag = "requests",
    responses((status = 200, description = "Open requests")))]
pub(super) async fn list_open(State(app): State<App>) -> Result<Json<Vec<Request>>, ApiError> {
    Ok(Json(request::list_open(&mut *app.db.acquire().await?).await?))
}

/// An approval: points per criterion, the reason, and the grant it gives.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApproveRequest {
    decision_id: Uuid,
    /// `[{"criterion": "societal_benefit", "points": 4}, …]`, 0 to 5 each.
    #[schema(value_type = Vec<Object>)]
    scores: Vec<Score>,
    /// The reason, which the applicant reads.
    motivation: String,
    grant: GrantGiven,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct GrantGiven {
    grant_id: Uuid,
    pool_id: Uuid,
    #[schema(value_type = i64)]
    gpu_seconds: GpuSeconds,
    #[schema(value_type = i64)]
    usek: MicroSek,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    max_wall_time_s: i64,
    max_gpus: i64,
}

/// Approves a request; the approval becomes a grant.
#[utoipa::path(post, path = "/v1/requests/{request_id}/approval", tag = "requests",
    params(("request_id" = Uuid, Path,)), request_body = ApproveRequest,
    responses((status = 201, description = "The grant"), (status = 403), (status = 409)))]
pub(super) async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(request_id): Path<Uuid>,
    Body(body): Body<ApproveRequest>,
) -> Result<(StatusCode, Json<Grant>), ApiError> {
    let approve = Approve {
        decision_id: body.decision_id,
        request_id,
        decided_by: caller.person_id,
        scores: body.scores,
        grant: NewGrant {
            grant_id: body.grant.grant_id,
            pool_id: body.grant.pool_id,
            gpu_seconds: body.grant.gpu_seconds,
            usek: body.grant.usek,
            valid_from: body.grant.valid_from,
            valid_until: body.grant.valid_until,
            max_wall_time_s: body.grant.max_wall_time_s,
            max_gpus: body.grant.max_gpus,
        },
    };
    let mut tx = app.db.begin().await?;
    let stamp = caller.stamp(app.clock.now(), Some(&body.motivation));
    let grant = decision::approve(&mut tx, &approve, &stamp).await?;
    tx.commit().await?;
    super::slurm_must_follow(&app);
    Ok((StatusCode::CREATED, Json(grant)))
}

/// A rejection and its reason.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RejectRequest {
    decision_id: Uuid,
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    scores: Vec<Score>,
    motivation: String,
}

/// Rejects a request.
#[utoipa::path(post, path = "/v1/requests/{request_id}/rejection", tag = "requests",
    params(("request_id" = Uuid, Path,)), request_body = RejectRequest,
    responses((status = 201, description = "The decision")))]
pub(super) async fn reject(
    State(app): State<App>,
    caller: Caller,
    Path(request_id): Path<Uuid>,
    Body(body): Body<RejectRequest>,
) -> Result<(StatusCode, Json<Decision>), ApiError> {
    let reject = Reject {
        decision_id: body.decision_id,
        request_id,
        decided_by: caller.person_id,
        scores: body.scores,
    };
    let mut tx = app.db.begin().await?;
    let stamp = caller.stamp(app.clock.now(), Some(&body.motivation));
    let decision = decision::reject(&mut tx, &reject, &stamp).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(decision)))
}
