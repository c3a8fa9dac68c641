//! The operator's view of the cluster: its settings, what Slurm should have and has, and effects
//! that were given up.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use slurm_wire::{Answer, Call, RefusalCode, SettingFault};
use utoipa::ToSchema;
use uuid::Uuid;

use super::at_cluster::AtCluster;
use super::{ApiError, Body, Path, Query};
use crate::app::App;
use crate::auth::Caller;
use crate::cluster::apply::{self, Outcome};
use crate::cluster::import::{self, Found};
use crate::cluster::keeper;
use crate::cluster::line::Line;
use crate::cluster::look::{LookError, look};
use crate::cluster::read::FactsError;
use crate::config::Keep;
use crate::gateway::GatewayError;
use crate::outbox;

/// Lists the settings of Slurm that are not as the broker needs them; empty when all is well.
#[utoipa::path(get, path = "/v1/cluster/settings", tag = "operation", params(AtCluster),
    responses((status = 200, description = "Faults, a sentence each"),
        (status = 400, description = "There are several clusters: say which"), (status = 503)))]
pub(super) async fn settings(
    State(app): State<App>,
    Query(at): Query<AtCluster>,
) -> Result<Json<Vec<SettingFault>>, ApiError> {
    let app = at.stand(&app)?;
    match app.gateway.call(&Call::CheckSettings).await? {
        Answer::Settings(faults) => Ok(Json(faults)),
        _ => Err(GatewayError::OutOfTurn.into()),
    }
}

/// How Slurm differs from what it should have.
#[derive(Serialize)]
pub(super) struct Differences {
    /// What mimerd does about them: `off`, `show` or `apply`.
    keep: Keep,
    /// One field of one object each.
    lines: Vec<Line>,
}

/// Lists what differs between what Slurm should have and what it has; changes nothing.
#[utoipa::path(get, path = "/v1/cluster/diff", tag = "operation", params(AtCluster),
    responses((status = 200, description = "keep, and lines: object, name, field, expected, \
        actual, drift, can_apply, decides, sentence; empty when Slurm is as it should be"),
        (status = 400, description = "There are several clusters: say which"), (status = 503)))]
pub(super) async fn diff(
    State(app): State<App>,
    Query(at): Query<AtCluster>,
) -> Result<Json<Differences>, ApiError> {
    let app = at.stand(&app)?;
    let view = look(&app).await?;
    Ok(Json(Differences { keep: app.cluster.keep, lines: view.lines }))
}

/// Why Slurm is set as the broker has it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyDifferences {
    /// For the audit trail.
    why: String,
}

/// How long one request writes; what is left then comes with the next.
const APPLY_FOR: TimeDelta = TimeDelta::seconds(60);
/// How often the keeper, at work just now, is waited for.
const TURNS: u32 = 50;

/// Sets Slurm as the broker has it, also where somebody changed it by hand.
#[utoipa::path(post, path = "/v1/cluster/apply", tag = "operation", params(AtCluster),
    request_body = ApplyDifferences,
    responses((status = 200, description = "applied, failed (with error) and left: lines as in \
        the diff"), (status = 400, description = "There are several clusters: say which"),
        (status = 409), (status = 422), (status = 503)))]
pub(super) async fn apply(
    State(app): State<App>,
    caller: Caller,
    Query(at): Query<AtCluster>,
    Body(body): Body<ApplyDifferences>,
) -> Result<Json<Outcome>, ApiError> {
    let app = at.stand(&app)?;
    if body.why.trim().is_empty() {
        let message = "say why: it is kept in the audit trail";
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "why_missing", message));
    }
    if app.cluster.keep == Keep::Off {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            "cluster_not_kept",
            "this installation keeps Slurm by hand; set clusters.keep to show or apply first",
        ));
    }
    let turn = turn(&app).await?;
    let view = look(&app).await?;
    let stamp = caller.stamp(app.clock.now(), None);
    let mut tx = app.db.begin().await?;
    view.keep_in_mind(&mut tx, &app.cluster.name, &stamp).await?;
    // The reason is kept once, with this row, so that it can be erased once.
    let asked = caller.stamp(stamp.now, Some(&body.why));
    let details = json!({ "cluster": app.cluster.name, "lines": view.lines.len() });
    asked.audit(&mut tx, "cluster.apply_asked", ("cluster", Uuid::nil()), details).await?;
    tx.commit().await?;
    let until = stamp.now + APPLY_FOR;
    let outcome = apply::apply(&app, &view, &view.lines, &stamp, until).await?;
    turn.rollback().await?;
    app.cluster_wake.notify_one();
    Ok(Json(outcome))
}

/// The right to write Slurm's policy; the keeper has it for a moment at a time.
async fn turn(app: &App) -> Result<sqlx::Transaction<'static, sqlx::Postgres>, ApiError> {
    for _ in 0..TURNS {
        if let Some(turn) = keeper::lock(app).await? {
            return Ok(turn);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "cluster_being_written",
        "the keeper is writing to Slurm; try again in a minute",
    ))
}

/// Tells what the broker would make of the accounts, users and limits that Slurm has; read-only.
#[utoipa::path(get, path = "/v1/cluster/import", tag = "operation", params(AtCluster),
    responses((status = 200, description = "object, name, parent, users, limits, becomes \
        (kept_already, fund, project, nothing) and advice"),
        (status = 400, description = "There are several clusters: say which"),
        (status = 409), (status = 503)))]
pub(super) async fn import(
    State(app): State<App>,
    Query(at): Query<AtCluster>,
) -> Result<Json<Vec<Found>>, ApiError> {
    let app = at.stand(&app)?;
    let cluster = &app.cluster;
    match app.gateway.call(&Call::ReadWholeCluster).await {
        Ok(Answer::Policy(policy)) => {
            Ok(Json(import::report(&policy, &cluster.account_root, &cluster.research_qos)))
        }
        Ok(_) => Err(GatewayError::OutOfTurn.into()),
        Err(GatewayError::Refused(no)) if no.code == RefusalCode::ImportNotAllowed => {
            Err(ApiError::new(StatusCode::CONFLICT, "import_not_allowed", no.sentence))
        }
        Err(error) => Err(error.into()),
    }
}

impl From<LookError> for ApiError {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Gateway(error) => error.into(),
            LookError::Database(error) => error.into(),
            LookError::Facts(FactsError::Accounts(error)) => error.into(),
            LookError::Facts(FactsError::Database(error)) => error.into(),
            other => Self::internal(&other),
        }
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
