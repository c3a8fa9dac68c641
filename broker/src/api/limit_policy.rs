//! What happens when an agency comes near its grants: decided once, carried out by the broker.
//!
//! A decider decides it: the agency would decide for itself, and the operator shall never have a say
//! in who computes.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use quotas::agency;
use quotas::limit::policy::{self, LimitAction, NewLimitPolicy, Policy, Standing, Step};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body, Path};
use crate::app::App;
use crate::auth::{Caller, Role};

/// What is to happen at which part of what was granted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DecideLimitPolicy {
    limit_policy_id: Uuid,
    /// `[{"at_percent": 80, "action": "warn"}, …]`; actions are `warn`, `stop_new`, `lower_qos`,
    /// `hold_pending` and `cancel_running`. None: nothing happens at any limit.
    #[schema(value_type = Vec<Object>)]
    steps: Vec<Step>,
    /// True: what would be done is recorded, and nothing is done. Steps are tried so first.
    dry_run: bool,
    /// The reason, which the agency reads.
    motivation: String,
}

/// Decides what happens at an agency's limits; the newest decision counts.
#[utoipa::path(post, path = "/v1/agencies/{agency_id}/limit-policies", tag = "limits",
    params(("agency_id" = Uuid, Path,)), request_body = DecideLimitPolicy,
    responses((status = 201, description = "The policy"), (status = 404), (status = 422)))]
pub(super) async fn decide(
    State(app): State<App>,
    caller: Caller,
    Path(agency_id): Path<Uuid>,
    Body(body): Body<DecideLimitPolicy>,
) -> Result<(StatusCode, Json<Policy>), ApiError> {
    let new = NewLimitPolicy {
        limit_policy_id: body.limit_policy_id,
        agency_id,
        steps: body.steps,
        dry_run: body.dry_run,
        decided_by: caller.person_id,
    };
    let stamp = caller.stamp(app.clock.now(), Some(&body.motivation));
    let mut tx = app.db.begin().await?;
    let policy = policy::decide(&mut tx, &new, &stamp).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(policy)))
}

/// What happens at an agency's limits, and where it stands.
#[derive(Serialize, ToSchema)]
pub(super) struct PolicyShown {
    agency_id: Uuid,
    /// What was decided; `null` if nothing was.
    #[schema(value_type = Option<Object>)]
    policy: Option<Policy>,
    /// What was used and granted of the grants that are open now, in GPU-seconds.
    #[schema(value_type = Object)]
    standing: Standing,
    /// The steps that are reached now.
    #[schema(value_type = Vec<Object>)]
    reached: Vec<Step>,
}

/// Shows what happens at an agency's limits, and where it stands.
#[utoipa::path(get, path = "/v1/agencies/{agency_id}/limit-policy", tag = "limits",
    params(("agency_id" = Uuid, Path,)),
    responses((status = 200, body = PolicyShown), (status = 404)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(agency_id): Path<Uuid>,
) -> Result<Json<PolicyShown>, ApiError> {
    let mut connection = app.db.acquire().await?;
    visible(&mut connection, &caller, agency_id).await?;
    let policy = policy::current(&mut connection, agency_id).await?;
    let standing = policy::standing(&mut connection, agency_id, app.clock.now()).await?;
    let steps = policy.as_ref();
    let reached = steps.map(|policy| policy::reached(policy, standing.used, standing.granted));
    Ok(Json(PolicyShown { agency_id, policy, standing, reached: reached.unwrap_or_default() }))
}

/// Lists what was done, or would have been, at an agency's limits.
#[utoipa::path(get, path = "/v1/agencies/{agency_id}/limit-actions", tag = "limits",
    params(("agency_id" = Uuid, Path,)),
    responses((status = 200, description = "Actions, newest first"), (status = 404)))]
pub(super) async fn actions(
    State(app): State<App>,
    caller: Caller,
    Path(agency_id): Path<Uuid>,
) -> Result<Json<Vec<LimitAction>>, ApiError> {
    let mut connection = app.db.acquire().await?;
    visible(&mut connection, &caller, agency_id).await?;
    Ok(Json(policy::list_for_agency(&mut connection, agency_id).await?))
}

/// Lets the agency's own members, deciders, operators and finance through.
async fn visible(tx: &mut PgConnection, caller: &Caller, agency_id: Uuid) -> Result<(), ApiError> {
    let by_role = [Role::Operator, Role::Finance, Role::Decider];
    let may = caller.is_member_of(agency_id) || by_role.iter().any(|role| caller.is(*role));
    if may && agency::by_id(tx, agency_id).await?.is_some() {
        return Ok(());
    }
    Err(ApiError::not_found("agency"))
}
