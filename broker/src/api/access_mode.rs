//! Access modes: the sizes of request that a fund knows (short, medium, large), as data.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use quotas::access_mode::{self, AccessMode, NewAccessMode};
use quotas::{agency, fund};
use record::GpuSeconds;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fund::known;
use super::{ApiError, Body, Path, project};
use crate::app::App;
use crate::auth::Caller;

/// A new access mode.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateAccessMode {
    access_mode_id: Uuid,
    /// What people call it: short, medium, large.
    name: String,
    /// The least a request of this mode may ask for.
    #[schema(value_type = i64)]
    min_gpu_seconds: GpuSeconds,
    /// The most.
    #[schema(value_type = i64)]
    max_gpu_seconds: GpuSeconds,
    /// The longest window, in days.
    max_days: i64,
}

/// Makes an access mode of a fund.
#[utoipa::path(post, path = "/v1/funds/{fund_id}/access-modes", tag = "set-up",
    params(("fund_id" = Uuid, Path,)), request_body = CreateAccessMode,
    responses((status = 201, description = "The access mode"), (status = 404)))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Path(fund_id): Path<Uuid>,
    Body(body): Body<CreateAccessMode>,
) -> Result<(StatusCode, Json<AccessMode>), ApiError> {
    let new = NewAccessMode {
        access_mode_id: body.access_mode_id,
        fund_id,
        name: body.name,
        min_gpu_seconds: body.min_gpu_seconds,
        max_gpu_seconds: body.max_gpu_seconds,
        max_days: body.max_days,
    };
    let mut tx = app.db.begin().await?;
    let mode = access_mode::create(&mut tx, &new, &caller.stamp(app.clock.now(), None)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(mode)))
}

/// Lists a fund's access modes.
#[utoipa::path(get, path = "/v1/funds/{fund_id}/access-modes", tag = "set-up",
    params(("fund_id" = Uuid, Path,)),
    responses((status = 200, description = "The fund's access modes"), (status = 404)))]
pub(super) async fn list_for_fund(
    State(app): State<App>,
    Path(fund_id): Path<Uuid>,
) -> Result<Json<Vec<AccessMode>>, ApiError> {
    let mut connection = app.db.acquire().await?;
    known(&mut connection, fund_id).await?;
    Ok(Json(access_mode::list_for_fund(&mut connection, fund_id).await?))
}

/// Lists the access modes that a project may ask by: those of the funds that may pay for it.
#[utoipa::path(get, path = "/v1/projects/{project_id}/access-modes", tag = "requests",
    params(("project_id" = Uuid, Path,)),
    responses((status = 200, description = "Access modes"), (status = 404)))]
pub(super) async fn list_for_project(
    State(app): State<App>,
    caller: Caller,
    Path(project_id): Path<Uuid>,
) -> Result<Json<Vec<AccessMode>>, ApiError> {
    let mut connection = app.db.acquire().await?;
    let project = project::visible(&mut connection, &caller, project_id).await?;
    let agency = agency::by_id(&mut connection, project.agency_id)
        .await?
        .ok_or_else(|| ApiError::not_found("agency"))?;
    let purpose = fund::category_purpose(agency.category);
    let now = app.clock.now();
    let mut modes = Vec::new();
    for fund in fund::list(&mut connection).await? {
        if fund.purpose == purpose && fund.valid_until > now {
            modes.extend(access_mode::list_for_fund(&mut connection, fund.fund_id).await?);
        }
    }
    Ok(Json(modes))
}
