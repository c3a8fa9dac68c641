//! `POST /v1/agent/segments`: what the nodes metered.

use agent_wire::{Acknowledged, Batch};
use axum::extract::State;
use axum::{Extension, Json};

use super::{ApiError, Body};
use crate::app::App;
use crate::auth::CallingNode;
use crate::segment;

/// Takes in segments; sending them again is harmless.
#[utoipa::path(post, path = "/v1/agent/segments", tag = "nodes",
    request_body(content = Object, description = "agent_wire::Batch"),
    responses((status = 200, description = "The highest number below which nothing is missing")))]
pub(super) async fn segments(
    State(app): State<App>,
    Extension(CallingNode(node)): Extension<CallingNode>,
    Body(batch): Body<Batch>,
) -> Result<Json<Acknowledged>, ApiError> {
    let mut tx = app.db.begin().await?;
    let (acknowledged, stored) = segment::take_in(&mut tx, &node, &batch).await?;
    tx.commit().await?;
    app.metrics.segments(stored);
    Ok(Json(acknowledged))
}
