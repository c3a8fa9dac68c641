//! Use that no grant had room for, cleared by two people: one proposes, another confirms.

use accounting::overrun::{self, Clearing, NewClearing, OpenOverrun, ProposedClearing};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use record::{GpuSeconds, MicroSek};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body, Path};
use crate::app::App;
use crate::auth::Caller;

/// How an overrun should be cleared.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProposeClearing {
    clearing_id: Uuid,
    #[schema(value_type = i64)]
    gpu_seconds: GpuSeconds,
    #[schema(value_type = i64)]
    usek: MicroSek,
    /// `charge_grant` (the grant must have room) or `write_off`.
    #[schema(value_type = String)]
    how: Clearing,
    /// Why, for the record.
    motivation: String,
}

/// Proposes how a grant's overrun is cleared. Nothing moves until another person confirms.
#[utoipa::path(post, path = "/v1/grants/{grant_id}/overrun-clearings", tag = "money",
    params(("grant_id" = Uuid, Path,)), request_body = ProposeClearing,
    responses((status = 201, body = ClearingStands), (status = 404), (status = 409)))]
pub(super) async fn propose(
    State(app): State<App>,
    caller: Caller,
    Path(grant_id): Path<Uuid>,
    Body(body): Body<ProposeClearing>,
) -> Result<(StatusCode, Json<ClearingStands>), ApiError> {
    let new = NewClearing {
        clearing_id: body.clearing_id,
        grant_id,
        gpu_seconds: body.gpu_seconds,
        usek: body.usek,
        how: body.how,
        proposed_by: caller.person_id,
    };
    let stamp = caller.stamp(app.clock.now(), Some(&body.motivation));
    let mut tx = app.db.begin().await?;
    overrun::propose(&mut tx, &new, &stamp).await?;
    tx.commit().await?;
    let stands = ClearingStands { clearing_id: new.clearing_id, standing: Standing::Proposed };
    Ok((StatusCode::CREATED, Json(stands)))
}

/// Where a clearing stands.
#[derive(Serialize, ToSchema)]
pub(super) struct ClearingStands {
    clearing_id: Uuid,
    #[schema(value_type = String)]
    standing: Standing,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    /// Waits for a second person.
    Proposed,
    /// Carried out.
    Confirmed,
    /// Nothing was moved.
    Rejected,
}

/// Confirms a clearing, which carries it out. Whoever proposed it cannot.
#[utoipa::path(post, path = "/v1/overrun-clearings/{clearing_id}/confirmation", tag = "money",
    params(("clearing_id" = Uuid, Path,)),
    responses((status = 200, body = ClearingStands), (status = 404), (status = 409)))]
pub(super) async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Path(clearing_id): Path<Uuid>,
) -> Result<Json<ClearingStands>, ApiError> {
    let stamp = caller.stamp(app.clock.now(), None);
    let mut tx = app.db.begin().await?;
    overrun::confirm(&mut tx, clearing_id, caller.person_id, &stamp).await?;
    tx.commit().await?;
    super::slurm_must_follow(&app);
    Ok(Json(ClearingStands { clearing_id, standing: Standing::Confirmed }))
}

/// Rejects a clearing; another may be proposed then. Whoever proposed it may take it back so.
#[utoipa::path(post, path = "/v1/overrun-clearings/{clearing_id}/rejection", tag = "money",
    params(("clearing_id" = Uuid, Path,)),
    responses((status = 200, body = ClearingStands), (status = 404), (status = 409)))]
pub(super) async fn reject(
    State(app): State<App>,
    caller: Caller,
    Path(clearing_id): Path<Uuid>,
) -> Result<Json<ClearingStands>, ApiError> {
    let stamp = caller.stamp(app.clock.now(), None);
    let mut tx = app.db.begin().await?;
    overrun::reject(&mut tx, clearing_id, caller.person_id, &stamp).await?;
    tx.commit().await?;
    Ok(Json(ClearingStands { clearing_id, standing: Standing::Rejected }))
}

/// Lists the clearings that wait for a second person.
#[utoipa::path(get, path = "/v1/overrun-clearings", tag = "money",
    responses((status = 200, description = "Clearings that wait")))]
pub(super) async fn list_proposed(
    State(app): State<App>,
) -> Result<Json<Vec<ProposedClearing>>, ApiError> {
    Ok(Json(overrun::proposed(&mut *app.db.acquire().await?).await?))
}

/// Lists the grants with use that they had no room for and that nobody has cleared.
#[utoipa::path(get, path = "/v1/overruns", tag = "money",
    responses((status = 200, description = "One line per grant")))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<OpenOverrun>>, ApiError> {
    Ok(Json(overrun::open(&mut *app.db.acquire().await?).await?))
}
