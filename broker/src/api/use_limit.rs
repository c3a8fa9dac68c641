//! `/v1/use-limits`: bounds on use at once, beside grants.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use quotas::limit::use_limit::{self, NewUseLimit, Scope, UseLimit};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body};
use crate::app::App;
use crate::auth::Caller;

/// How much may be in use at once.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetUseLimit {
    use_limit_id: Uuid,
    /// Whose; give just one of agency and project.
    #[serde(default)]
    agency_id: Option<Uuid>,
    #[serde(default)]
    project_id: Option<Uuid>,
    /// Class of GPU; all of them if it is left out.
    #[serde(default)]
    class: Option<String>,
    /// The most GPUs at once; left out: not limited.
    #[serde(default)]
    gpus_at_once: Option<i64>,
    /// The most jobs at once; left out: not limited.
    #[serde(default)]
    jobs_at_once: Option<i64>,
}

/// Limits use at once of an agency or a project; the newest limit of a class counts.
#[utoipa::path(post, path = "/v1/use-limits", tag = "limits", request_body = SetUseLimit,
    responses((status = 201, description = "The limit"), (status = 404), (status = 422)))]
pub(super) async fn set(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<SetUseLimit>,
) -> Result<(StatusCode, Json<UseLimit>), ApiError> {
    let scope = match (body.agency_id, body.project_id) {
        (Some(agency_id), None) => Scope::Agency(agency_id),
        (None, Some(project_id)) => Scope::Project(project_id),
        (Some(_), Some(_)) | (None, None) => {
            return Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "use_limit_scope_not_valid",
                "a limit is for one agency or for one project; give just one of agency_id and \
                 project_id",
            ));
        }
    };
    let new = NewUseLimit {
        use_limit_id: body.use_limit_id,
        scope,
        class: body.class,
        gpus_at_once: body.gpus_at_once,
        jobs_at_once: body.jobs_at_once,
    };
    let mut tx = app.db.begin().await?;
    let limit = use_limit::set(&mut tx, &new, &caller.stamp(app.clock.now(), None)).await?;
    tx.commit().await?;
    super::slurm_must_follow(&app);
    Ok((StatusCode::CREATED, Json(limit)))
}

/// Lists the limits that count now.
#[utoipa::path(get, path = "/v1/use-limits", tag = "limits",
    responses((status = 200, description = "Limits")))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<UseLimit>>, ApiError> {
    Ok(Json(use_limit::list(&mut *app.db.acquire().await?).await?))
}
