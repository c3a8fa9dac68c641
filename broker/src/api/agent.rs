//! `POST /v1/agent/…`: what the nodes metered, and the starts of scripts that they saw.

use agent_wire::{Acknowledged, Batch, Starts};
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};

use super::{ApiError, Body};
use crate::app::App;
use crate::auth::CallingNode;
use crate::{script_start, segment};

/// Takes in segments; sending them again is harmless.
#[utoipa::path(post, path = "/v1/agent/segments", tag = "nodes",
    request_body(content = Object, description = "agent_wire::Batch"),
    responses((status = 200, description = "The highest number below which nothing is missing")))]
pub(super) async fn segments(
    State(app): State<App>,
    Extension(CallingNode { node, .. }): Extension<CallingNode>,
    Body(batch): Body<Batch>,
) -> Result<Json<Acknowledged>, ApiError> {
    let mut tx = app.db.begin().await?;
    let (acknowledged, stored) = segment::take_in(&mut tx, &node, &batch).await?;
    tx.commit().await?;
    app.metrics.segments(stored);
    Ok(Json(acknowledged))
}

/// Takes in starts of scripts; telling them again is harmless.
#[utoipa::path(post, path = "/v1/agent/starts", tag = "nodes",
    request_body(content = Object, description = "agent_wire::Starts"),
    responses((status = 204, description = "All of them are kept")))]
pub(super) async fn starts(
    State(app): State<App>,
    Extension(CallingNode { node, cluster }): Extension<CallingNode>,
    Body(told): Body<Starts>,
) -> Result<StatusCode, ApiError> {
    // A token from before there were several clusters is the only one's.
    let only = || app.clusters.only().map(|one| one.cluster.name.clone());
    let Some(cluster) = cluster.or_else(only) else {
        let message = format!(
            "it is not known which cluster {node} is on; the operator makes its token anew with \
             `mimerd add-node {node} --cluster NAME`, one of {}",
            app.clusters.names()
        );
        return Err(ApiError::new(StatusCode::CONFLICT, "node_without_cluster", message));
    };
    let mut tx = app.db.begin().await?;
    let place = (cluster.as_str(), node.as_str());
    script_start::take_in(&mut tx, place, &told, app.clock.now()).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
