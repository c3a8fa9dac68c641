//! `/v1/reconciliation`: plans, slurmctld, slurmdbd, the ledger and Slurm's own sums side by side.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{ApiError, Query, at_cluster};
use crate::app::App;
use crate::reconcile::{self, ReconcileError, Reconciliation, Stretch, StretchError};

/// Which stretch of time; at most 100 days.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Within {
    /// First instant; without it, midnight in Stockholm 35 days before the end.
    from: Option<DateTime<Utc>>,
    /// The instant after the last; without it, now.
    until: Option<DateTime<Utc>>,
    /// Slurm's name of the cluster; needed where the broker has several.
    cluster: Option<String>,
}

/// Lists every difference with its cause and what to do; changes nothing. slurmdbd is asked once for
/// each day, at the gateway's pace, so that this takes some seconds.
#[utoipa::path(get, path = "/v1/reconciliation", tag = "record", params(Within),
    responses((status = 200, body = Reconciliation),
        (status = 400, description = "There are several clusters: say which"),
        (status = 422), (status = 503)))]
pub(super) async fn show(
    State(app): State<App>,
    Query(within): Query<Within>,
) -> Result<Json<Reconciliation>, ApiError> {
    let app = at_cluster::stand(&app, within.cluster.as_deref())?;
    let stretch = Stretch::of(within.from, within.until, app.clock.now())?;
    Ok(Json(reconcile::reconcile(&app, stretch).await?))
}

impl From<StretchError> for ApiError {
    fn from(error: StretchError) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.code(), error.to_string())
    }
}

impl From<ReconcileError> for ApiError {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Gateway(error) => error.into(),
            ReconcileError::Database(error) => error.into(),
        }
    }
}
