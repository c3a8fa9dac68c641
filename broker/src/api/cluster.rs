//! The operator's view of the cluster's settings and of effects that were given up.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use slurm_wire::{Answer, Call, SettingFault};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Path};
use crate::app::App;
use crate::auth::Caller;
use crate::gateway::GatewayError;
use crate::outbox;

/// Lists the settings of Slurm that are not as the broker needs them; empty when all is well.
#[utoipa::path(get, path = "/v1/cluster/settings", tag = "operation",
    responses((status = 200, description = "Faults, a sentence each"), (status = 503)))]
pub(super) async fn settings(State(app): State<App>) -> Result<Json<Vec<SettingFault>>, ApiError> {
    match app.gateway.call(&Call::CheckSettings).await? {
        Answer::Settings(faults) => Ok(Json(faults)),
        _ => Err(GatewayError::OutOfTurn.into()),
    }
}

/// An effect that was given up after its last try.
#[derive(Serialize, ToSchema)]
pub(super) struct DeadLetter {
    outbox_id: Uuid,
    #[schema(value_type = Object)]
    effect: Value,
    tries: i32,
    last_error: Option<String>,
    gave_up_at: Option<DateTime<Utc>>,
}

/// Lists effects that were given up.
#[utoipa::path(get, path = "/v1/outbox/dead-letters", tag = "operation",
    responses((status = 200, body = Vec<DeadLetter>)))]
pub(super) async fn dead_letters(
    State(app): State<App>,
) -> Result<Json<Vec<DeadLetter>>, ApiError> {
    let letters = sqlx::query_as!(
        DeadLetter,
        "select outbox_id, effect, tries, last_error, gave_up_at from broker.outbox
         where gave_up_at is not null order by gave_up_at limit 500"
    )
    .fetch_all(&app.db)
    .await?;
    Ok(Json(letters))
}

/// Puts a given-up effect back in line.
#[utoipa::path(post, path = "/v1/outbox/dead-letters/{outbox_id}/retry", tag = "operation",
    params(("outbox_id" = Uuid, Path,)), responses((status = 202), (status = 404)))]
pub(super) async fn retry_dead_letter(
    State(app): State<App>,
    caller: Caller,
    Path(outbox_id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    let mut tx = app.db.begin().await?;
    let stamp = caller.stamp(app.clock.now(), None);
    if !outbox::retry(&mut tx, outbox_id, stamp.now).await? {
        return Err(ApiError::not_found("dead letter"));
    }
    stamp.audit(&mut tx, "outbox.retry", ("outbox", outbox_id), serde_json::json!({})).await?;
    tx.commit().await?;
    app.outbox_wake.notify_one();
    Ok(StatusCode::ACCEPTED)
}
