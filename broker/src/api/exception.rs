//! Exceptions: listed for operators and finance, closed by an operator with a reason.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body, Path};
use crate::app::App;
use crate::auth::Caller;
use crate::exception::{self, Exception};

/// Lists the exceptions, the open ones first.
#[utoipa::path(get, path = "/v1/exceptions", tag = "cluster",
    responses((status = 200, body = Vec<Exception>)))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<Exception>>, ApiError> {
    Ok(Json(exception::list(&mut *app.db.acquire().await?).await?))
}

/// Why an exception is closed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CloseException {
    /// What was found; kept in the audit trail.
    why: String,
}

/// Closes an exception whose job is over and that a person has looked at.
#[utoipa::path(post, path = "/v1/exceptions/{exception_id}/closing", tag = "cluster",
    params(("exception_id" = Uuid, Path,)), request_body = CloseException,
    responses((status = 200, body = Exception), (status = 404),
        (status = 409, description = "Its job is not over")))]
pub(super) async fn close(
    State(app): State<App>,
    caller: Caller,
    Path(exception_id): Path<Uuid>,
    Body(body): Body<CloseException>,
) -> Result<Json<Exception>, ApiError> {
    let mut tx = app.db.begin().await?;
    let stamp = caller.stamp(app.clock.now(), Some(&body.why));
    let closed = exception::close(&mut tx, exception_id, caller.person_id, &stamp).await?;
    tx.commit().await?;
    Ok(Json(closed))
}
