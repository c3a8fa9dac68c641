//! `/v1/pools/{pool_id}/agency-shares`: how much of a pool one agency may be granted.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use quotas::agency_share::{self, AgencyShare, NewAgencyShare};
use record::GpuSeconds;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body, Path, pool};
use crate::app::App;
use crate::auth::Caller;

/// An agency's share of a pool.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetAgencyShare {
    agency_share_id: Uuid,
    agency_id: Uuid,
    /// The most that the agency's projects may be granted from the pool together.
    #[schema(value_type = i64)]
    gpu_seconds: GpuSeconds,
}

/// Sets an agency's share of a pool; the newest setting counts.
#[utoipa::path(post, path = "/v1/pools/{pool_id}/agency-shares", tag = "set-up",
    params(("pool_id" = Uuid, Path,)), request_body = SetAgencyShare,
    responses((status = 201, description = "The share"), (status = 404), (status = 409)))]
pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    Path(pool_id): Path<Uuid>,
    Body(body): Body<SetAgencyShare>,
) -> Result<(StatusCode, Json<AgencyShare>), ApiError> {
    let new = NewAgencyShare {
        agency_share_id: body.agency_share_id,
        pool_id,
        agency_id: body.agency_id,
        gpu_seconds: body.gpu_seconds,
    };
    let mut tx = app.db.begin().await?;
    let share = agency_share::set(&mut tx, &new, &caller.stamp(app.clock.now(), None)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(share)))
}

/// Lists the shares that count in a pool now.
#[utoipa::path(get, path = "/v1/pools/{pool_id}/agency-shares", tag = "set-up",
    params(("pool_id" = Uuid, Path,)),
    responses((status = 200, description = "One share per agency"), (status = 404)))]
pub(super) async fn list(
    State(app): State<App>,
    Path(pool_id): Path<Uuid>,
) -> Result<Json<Vec<AgencyShare>>, ApiError> {
    let mut connection = app.db.acquire().await?;
    pool::known(&mut connection, pool_id).await?;
    Ok(Json(agency_share::list_for_pool(&mut connection, pool_id).await?))
}
