//! `/v1/grants/{grant_id}/…`: what is changed on a grant after it was decided.
//!
//! A grant's own row never changes: each change is a row of its own, and the ledger has the amounts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use quotas::grant::{self, Grant};
use quotas::grant_change::{self, CarryOver, Change, GiveBack, Supersede, TopUp, Transfer};
use record::{GpuSeconds, MicroSek};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body, Path, project};
use crate::app::App;
use crate::auth::Caller;

/// More time, more money, or both, from the grant's own pool and fund.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TopUpGrant {
    change_id: Uuid,
    #[schema(value_type = i64)]
    gpu_seconds: GpuSeconds,
    #[schema(value_type = i64)]
    usek: MicroSek,
    /// The reason, which the project reads.
    motivation: String,
}

/// Tops a grant up.
#[utoipa::path(post, path = "/v1/grants/{grant_id}/top-up", tag = "grants",
    params(("grant_id" = Uuid, Path,)), request_body = TopUpGrant,
    responses((status = 201, description = "The change"), (status = 404), (status = 409)))]
pub(super) async fn top_up(
    State(app): State<App>,
    caller: Caller,
    Path(grant_id): Path<Uuid>,
    Body(body): Body<TopUpGrant>,
) -> Result<(StatusCode, Json<Change>), ApiError> {
    let top_up = TopUp {
        change_id: body.change_id,
        grant_id,
        gpu_seconds: body.gpu_seconds,
        usek: body.usek,
        decided_by: caller.person_id,
    };
    let stamp = caller.stamp(app.clock.now(), Some(&body.motivation));
    let mut tx = app.db.begin().await?;
    let change = grant_change::top_up(&mut tx, &top_up, &stamp).await?;
    tx.commit().await?;
    Ok(changed(&app, change))
}

/// Time and money that the project will not use.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GiveBackOfGrant {
    change_id: Uuid,
    #[schema(value_type = i64)]
    gpu_seconds: GpuSeconds,
    #[schema(value_type = i64)]
    usek: MicroSek,
    /// Why, if there is something to say.
    #[serde(default)]
    why: Option<String>,
}

/// Gives what is free on a grant back to its pool and fund. Members of the project may.
#[utoipa::path(post, path = "/v1/grants/{grant_id}/give-back", tag = "grants",
    params(("grant_id" = Uuid, Path,)), request_body = GiveBackOfGrant,
    responses((status = 201, description = "The change"), (status = 404), (status = 409)))]
pub(super) async fn give_back(
    State(app): State<App>,
    caller: Caller,
    Path(grant_id): Path<Uuid>,
    Body(body): Body<GiveBackOfGrant>,
) -> Result<(StatusCode, Json<Change>), ApiError> {
    let mut tx = app.db.begin().await?;
    let grant = visible(&mut tx, &caller, grant_id).await?;
    project::member_only(&mut tx, &caller, grant.project_id).await?;
    let give_back = GiveBack {
        change_id: body.change_id,
        grant_id,
        gpu_seconds: body.gpu_seconds,
        usek: body.usek,
    };
    let stamp = caller.stamp(app.clock.now(), body.why.as_deref());
    let change = grant_change::give_back(&mut tx, &give_back, &stamp).await?;
    tx.commit().await?;
    Ok(changed(&app, change))
}

/// Time and money that move to another grant of the same fund.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferOfGrant {
    change_id: Uuid,
    to_grant_id: Uuid,
    #[schema(value_type = i64)]
    gpu_seconds: GpuSeconds,
    #[schema(value_type = i64)]
    usek: MicroSek,
    /// The reason, which both projects read.
    motivation: String,
}

/// Moves what is free on a grant to another grant of its fund.
#[utoipa::path(post, path = "/v1/grants/{grant_id}/transfer", tag = "grants",
    params(("grant_id" = Uuid, Path, description = "The grant that gives")),
    request_body = TransferOfGrant,
    responses((status = 201, description = "The change"), (status = 404), (status = 409)))]
pub(super) async fn transfer(
    State(app): State<App>,
    caller: Caller,
    Path(from_grant_id): Path<Uuid>,
    Body(body): Body<TransferOfGrant>,
) -> Result<(StatusCode, Json<Change>), ApiError> {
    let transfer = Transfer {
        change_id: body.change_id,
        from_grant_id,
        to_grant_id: body.to_grant_id,
        gpu_seconds: body.gpu_seconds,
        usek: body.usek,
        decided_by: caller.person_id,
    };
    let stamp = caller.stamp(app.clock.now(), Some(&body.motivation));
    let mut tx = app.db.begin().await?;
    let change = grant_change::transfer(&mut tx, &transfer, &stamp).await?;
    tx.commit().await?;
    Ok(changed(&app, change))
}

/// The grant that gets what may be carried over.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CarryGrantOver {
    change_id: Uuid,
    to_grant_id: Uuid,
    /// The reason, which the project reads.
    motivation: String,
}

/// Carries the fund's stated part of what expired on a grant over to another; once per grant.
#[utoipa::path(post, path = "/v1/grants/{grant_id}/carry-over", tag = "grants",
    params(("grant_id" = Uuid, Path, description = "The grant that expired")),
    request_body = CarryGrantOver,
    responses((status = 201, description = "The change"), (status = 404), (status = 409)))]
pub(super) async fn carry_over(
    State(app): State<App>,
    caller: Caller,
    Path(from_grant_id): Path<Uuid>,
    Body(body): Body<CarryGrantOver>,
) -> Result<(StatusCode, Json<Change>), ApiError> {
    let carry_over = CarryOver {
        change_id: body.change_id,
        from_grant_id,
        to_grant_id: body.to_grant_id,
        decided_by: caller.person_id,
    };
    let stamp = caller.stamp(app.clock.now(), Some(&body.motivation));
    let mut tx = app.db.begin().await?;
    let change = grant_change::carry_over(&mut tx, &carry_over, &stamp).await?;
    tx.commit().await?;
    Ok(changed(&app, change))
}

/// The grant that takes the place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SupersedeGrant {
    change_id: Uuid,
    new_grant_id: Uuid,
    /// The reason, which the project reads.
    motivation: String,
}

/// Ends a grant in favour of a newer one of the same project; no hold is placed on it any more.
#[utoipa::path(post, path = "/v1/grants/{grant_id}/supersede", tag = "grants",
    params(("grant_id" = Uuid, Path, description = "The grant that ends")),
    request_body = SupersedeGrant,
    responses((status = 201, description = "The change"), (status = 404), (status = 409)))]
pub(super) async fn supersede(
    State(app): State<App>,
    caller: Caller,
    Path(old_grant_id): Path<Uuid>,
    Body(body): Body<SupersedeGrant>,
) -> Result<(StatusCode, Json<Change>), ApiError> {
    let supersede = Supersede {
        change_id: body.change_id,
        old_grant_id,
        new_grant_id: body.new_grant_id,
        decided_by: caller.person_id,
    };
    let stamp = caller.stamp(app.clock.now(), Some(&body.motivation));
    let mut tx = app.db.begin().await?;
    let change = grant_change::supersede(&mut tx, &supersede, &stamp).await?;
    tx.commit().await?;
    Ok(changed(&app, change))
}

/// Lists what was changed on a grant, oldest first.
#[utoipa::path(get, path = "/v1/grants/{grant_id}/changes", tag = "grants",
    params(("grant_id" = Uuid, Path,)),
    responses((status = 200, description = "Changes"), (status = 404)))]
pub(super) async fn changes(
    State(app): State<App>,
    caller: Caller,
    Path(grant_id): Path<Uuid>,
) -> Result<Json<Vec<Change>>, ApiError> {
    let mut connection = app.db.acquire().await?;
    visible(&mut connection, &caller, grant_id).await?;
    Ok(Json(grant_change::list_for_grant(&mut connection, grant_id).await?))
}

/// The grant, if the caller may see its project.
async fn visible(
    tx: &mut PgConnection,
    caller: &Caller,
    grant_id: Uuid,
) -> Result<Grant, ApiError> {
    let not_found = || ApiError::not_found("grant");
    let grant = grant::by_id(tx, grant_id).await?.ok_or_else(not_found)?;
    project::visible(tx, caller, grant.project_id).await.map_err(|_| not_found())?;
    Ok(grant)
}

/// The answer to a committed change. What a grant has is Slurm's second fence too.
fn changed(app: &App, change: Change) -> (StatusCode, Json<Change>) {
    super::slurm_must_follow(app);
    (StatusCode::CREATED, Json(change))
}
