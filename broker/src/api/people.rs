//! `/v1/me` and `/v1/agencies`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use quotas::agency::{self, Agency, Category, NewAgency};
use quotas::name::OrganisationNumber;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body};
use crate::app::App;
use crate::auth::Caller;

/// Who the key belongs to.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    person_id: Uuid,
    login: Option<String>,
    name: Option<String>,
    roles: Vec<RoleOfMe>,
}

#[derive(Serialize, ToSchema)]
struct RoleOfMe {
    role: &'static str,
    agency_id: Option<Uuid>,
}

/// Says who is logged in.
#[utoipa::path(get, path = "/v1/me", tag = "people", responses((status = 200, body = Me)))]
pub(super) async fn me(State(app): State<App>, caller: Caller) -> Result<Json<Me>, ApiError> {
    let person = record::person::by_id(&mut *app.db.acquire().await?, caller.person_id).await?;
    let person = person.ok_or_else(ApiError::not_logged_in)?;
    let roles = caller
        .roles
        .iter()
        .map(|held| RoleOfMe { role: held.role.word(), agency_id: held.agency_id })
        .collect();
    Ok(Json(Me { person_id: person.person_id, login: person.login, name: person.name, roles }))
}

/// A new agency.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateAgency {
    /// Chosen by the client; repeating the same request changes nothing.
    agency_id: Uuid,
    name: String,
    /// Ten digits with a right check digit, as `202100-0837`.
    organisation_number: String,
    /// `public_body`, `sme` or `academia`.
    #[schema(value_type = String)]
    category: Category,
}

/// Registers an agency.
#[utoipa::path(post, path = "/v1/agencies", tag = "set-up", request_body = CreateAgency,
    responses((status = 201, description = "The agency")))]
pub(super) async fn create_agency(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<CreateAgency>,
) -> Result<(StatusCode, Json<Agency>), ApiError> {
    let new = NewAgency {
        agency_id: body.agency_id,
        name: body.name,
        organisation_number: body.organisation_number.parse::<OrganisationNumber>()?,
        category: body.category,
    };
    let mut tx = app.db.begin().await?;
    let agency = agency::create(&mut tx, &new, &caller.stamp(app.clock.now(), None)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(agency)))
}

/// Lists the agencies.
#[utoipa::path(get, path = "/v1/agencies", tag = "set-up",
    responses((status = 200, description = "All agencies")))]
pub(super) async fn list_agencies(State(app): State<App>) -> Result<Json<Vec<Agency>>, ApiError> {
    Ok(Json(agency::list(&mut *app.db.acquire().await?).await?))
}
