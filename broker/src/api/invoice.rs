//! Charges and invoice drafts, for finance.

use accounting::charge::{self, ChargeFilter, ChargeRow};
use accounting::invoice::{self, Draft};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use quotas::agency;
use record::Month;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::{ApiError, Path, Query};
use crate::app::App;

/// Which charges.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    agency_id: Option<Uuid>,
    project_id: Option<Uuid>,
    /// As `2027-03`.
    month: Option<String>,
}

/// Lists charges, each down to one run of one job.
#[utoipa::path(get, path = "/v1/charges", tag = "money", params(Which),
    responses((status = 200, description = "Charges")))]
pub(super) async fn charges(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<Json<Vec<ChargeRow>>, ApiError> {
    let month = which.month.as_deref().map(parse_month).transpose()?;
    let filter = ChargeFilter { agency_id: which.agency_id, project_id: which.project_id, month };
    Ok(Json(charge::charges(&mut *app.db.acquire().await?, filter).await?))
}

/// The draft of an agency's invoice for one month. It moves until the month is closed.
#[utoipa::path(get, path = "/v1/invoice-drafts/{agency_id}/{month}", tag = "money",
    params(("agency_id" = Uuid, Path,), ("month" = String, Path, description = "As 2027-03")),
    responses((status = 200, description = "Lines with one price each, and the total in öre")))]
pub(super) async fn draft(
    State(app): State<App>,
    Path((agency_id, month)): Path<(Uuid, String)>,
) -> Result<Json<Draft>, ApiError> {
    let month = parse_month(&month)?;
    let mut tx = app.db.begin().await?;
    if agency::by_id(&mut tx, agency_id).await?.is_none() {
        return Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "no_such_agency",
            "there is no such agency; `mimer agency list` shows them",
        ));
    }
    Ok(Json(invoice::draft(&mut tx, agency_id, month).await?))
}

pub(crate) fn parse_month(text: &str) -> Result<Month, ApiError> {
    text.parse().map_err(|error: record::month::NotAMonth| {
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "not_a_month", error.to_string())
    })
}
