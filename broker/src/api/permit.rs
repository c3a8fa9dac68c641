//! Permits: recorded and revoked by the data controller of the project, never by the broker.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use quotas::permit::{self, DEFAULT_GRACE_S, NewPermit, Permit};
use quotas::project;
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::project::person_with_role;
use super::{ApiError, Body, Path};
use crate::app::App;
use crate::auth::{Caller, Role};

/// An authority's decision, as the controller copies it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordPermit {
    permit_id: Uuid,
    /// The authority that decided.
    issuer: String,
    /// Its case number.
    reference: String,
    purpose: String,
    datasets: Vec<String>,
    /// Logins of the persons it names.
    persons: Vec<String>,
    environments: Vec<String>,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    /// How long a running job may go on when the permit cannot be checked, in seconds.
    #[serde(default = "default_grace_s")]
    grace_s: i64,
}

fn default_grace_s() -> i64 {
    DEFAULT_GRACE_S
}

/// Records a permit of a project.
#[utoipa::path(post, path = "/v1/projects/{project_id}/permits", tag = "permits",
    params(("project_id" = Uuid, Path,)), request_body = RecordPermit,
    responses((status = 201, description = "The permit"), (status = 404)))]
pub(super) async fn record(
    State(app): State<App>,
    caller: Caller,
    Path(project_id): Path<Uuid>,
    Body(body): Body<RecordPermit>,
) -> Result<(StatusCode, Json<Permit>), ApiError> {
    let mut tx = app.db.begin().await?;
    controller_only(&mut tx, &caller, project_id).await?;
    let mut person_ids = Vec::new();
    for login in &body.persons {
        person_ids.push(person_with_role(&mut tx, login, Role::AgencyMember).await?);
    }
    let new = NewPermit {
        permit_id: body.permit_id,
        project_id,
        issuer: body.issuer,
        reference: body.reference,
        purpose: body.purpose,
        datasets: body.datasets,
        person_ids,
        environment_names: body.environments,
        valid_from: body.valid_from,
        valid_until: body.valid_until,
        grace_s: body.grace_s,
    };
    let permit = permit::record(&mut tx, &new, &caller.stamp(app.clock.now(), None)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(permit)))
}

/// Why a permit is revoked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokePermit {
    why: String,
}

/// Revokes a permit and the links under it. Nothing new starts or moves on it from this moment;
/// what runs is stopped within 60 s.
#[utoipa::path(post, path = "/v1/permits/{permit_id}/revocation", tag = "permits",
    params(("permit_id" = Uuid, Path,)), request_body = RevokePermit,
    responses((status = 200, description = "The permit, revoked"), (status = 404)))]
pub(super) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Path(permit_id): Path<Uuid>,
    Body(body): Body<RevokePermit>,
) -> Result<Json<Permit>, ApiError> {
    let mut tx = app.db.begin().await?;
    let not_found = || ApiError::not_found("permit");
    let permit = permit::by_id(&mut tx, permit_id).await?.ok_or_else(not_found)?;
    controller_only(&mut tx, &caller, permit.project_id).await?;
    let stamp = caller.stamp(app.clock.now(), Some(&body.why));
    let permit = permit::revoke(&mut tx, permit_id, &stamp).await?;
    staging::link::revoke_for_permit(&mut tx, permit_id, &stamp).await?;
    tx.commit().await?;
    Ok(Json(permit))
}

/// Only the project's own controller, not any controller.
async fn controller_only(
    tx: &mut PgConnection,
    caller: &Caller,
    project_id: Uuid,
) -> Result<(), ApiError> {
    let project = project::by_id(tx, project_id).await?;
    match project {
        Some(project) if project.controller_person_id == caller.person_id => Ok(()),
        _ => Err(ApiError::not_found("project")),
    }
}
