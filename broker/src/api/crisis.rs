//! Crisis mode: proposed by one person, confirmed by another, ended by its time or by hand.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use quotas::tree;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body, Path};
use crate::app::App;
use crate::auth::Caller;
use crate::crisis::report::{self, Report};
use crate::crisis::{self, Crisis, Proposal};

/// A crisis to propose.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProposeCrisis {
    /// Chosen by the client; repeating the same request changes nothing.
    crisis_id: Uuid,
    /// The projects that shall go first.
    project_ids: Vec<Uuid>,
    /// When it ends by itself; at most 30 days ahead.
    ends_at: DateTime<Utc>,
    /// What has happened; kept in the audit trail.
    why: String,
}

/// Proposes a crisis. Nothing changes in Slurm until another person confirms it.
#[utoipa::path(post, path = "/v1/crises", tag = "crisis", request_body = ProposeCrisis,
    responses((status = 201, body = Crisis),
        (status = 403, description = "The proposer works in one of the projects")))]
pub(super) async fn propose(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<ProposeCrisis>,
) -> Result<(StatusCode, Json<Crisis>), ApiError> {
    let proposal = Proposal {
        crisis_id: body.crisis_id,
        project_ids: body.project_ids,
        ends_at: body.ends_at,
    };
    let mut tx = app.db.begin().await?;
    let stamp = caller.stamp(app.clock.now(), Some(&body.why));
    let proposed = crisis::propose(&mut tx, &proposal, caller.person_id, &stamp).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(proposed)))
}

/// Confirms another person's proposal: the projects go first from now on.
#[utoipa::path(post, path = "/v1/crises/{crisis_id}/confirmation", tag = "crisis",
    params(("crisis_id" = Uuid, Path,)),
    responses((status = 200, body = Crisis), (status = 404),
        (status = 403, description = "One person cannot do both"),
        (status = 503, description = "Slurm is not set up for preemption")))]
pub(super) async fn confirm(
    State(app): State<App>,
    caller: Caller,
    Path(crisis_id): Path<Uuid>,
) -> Result<Json<Crisis>, ApiError> {
    let mut tx = app.db.begin().await?;
    let proposed = crisis::by_id(&mut tx, crisis_id).await?;
    let projects = proposed.map(|crisis| crisis.project_ids).unwrap_or_default();
    for on in app.clusters.iter() {
        let there = tree::on_cluster(&mut tx, &on.cluster.name).await?;
        if there.iter().any(|project| projects.contains(&project.project_id)) {
            super::needs_preemption(on)?;
        }
    }
    let stamp = caller.stamp(app.clock.now(), None);
    let confirmed = crisis::confirm(&mut tx, crisis_id, caller.person_id, &stamp).await?;
    tx.commit().await?;
    app.clusters.wake();
    Ok(Json(confirmed))
}

/// Why a crisis is ended before its time.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EndCrisis {
    /// Kept in the audit trail.
    why: String,
}

/// Ends a crisis before its time, or withdraws a proposal.
#[utoipa::path(post, path = "/v1/crises/{crisis_id}/end", tag = "crisis",
    params(("crisis_id" = Uuid, Path,)), request_body = EndCrisis,
    responses((status = 200, body = Crisis), (status = 404)))]
pub(super) async fn end(
    State(app): State<App>,
    caller: Caller,
    Path(crisis_id): Path<Uuid>,
    Body(body): Body<EndCrisis>,
) -> Result<Json<Crisis>, ApiError> {
    let mut tx = app.db.begin().await?;
    let stamp = caller.stamp(app.clock.now(), Some(&body.why));
    let ended = crisis::end(&mut tx, crisis_id, caller.person_id, &stamp).await?;
    tx.commit().await?;
    app.clusters.wake();
    Ok(Json(ended))
}

/// Lists the crises, the newest first.
#[utoipa::path(get, path = "/v1/crises", tag = "crisis",
    responses((status = 200, body = Vec<Crisis>)))]
pub(super) async fn list(State(app): State<App>) -> Result<Json<Vec<Crisis>>, ApiError> {
    Ok(Json(crisis::list(&mut *app.db.acquire().await?).await?))
}

/// Tells what a crisis did: every run that made way and every run that went first.
#[utoipa::path(get, path = "/v1/crises/{crisis_id}/report", tag = "crisis",
    params(("crisis_id" = Uuid, Path,)), responses((status = 200, body = Report), (status = 404)))]
pub(super) async fn report(
    State(app): State<App>,
    Path(crisis_id): Path<Uuid>,
) -> Result<Json<Report>, ApiError> {
    let now = app.clock.now();
    Ok(Json(report::read(&mut *app.db.acquire().await?, crisis_id, now).await?))
}
