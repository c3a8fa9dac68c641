//! `/v1/pools`: what the cluster gives a fund, how Slurm keeps it, and how agencies divide it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use quotas::pool::{
    self, AllocationUnit, NOT_OVER_ALLOCATED_PPM, NewPool, NewShare, Pool, ShareMode,
};
use record::GpuSeconds;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body, Path};
use crate::app::App;
use crate::auth::Caller;
use crate::gateway::GatewayError;

/// A new pool.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreatePool {
    pool_id: Uuid,
    fund_id: Uuid,
    /// Slurm's name of the cluster.
    cluster: String,
    /// Class of GPU, as requests and prices name it.
    class: String,
    /// Slurm's GPU type, as in `gres/gpu:TYPE`.
    gpu_type: String,
    gpus_per_node: i64,
    /// Slurm partition its jobs run on.
    partition: String,
    /// What is allocated, limited and priced as one: `{"unit": "gpu"}`, `{"unit": "node"}` or
    /// `{"unit": "mig_instance", "share_ppm": 142857}`.
    #[serde(default = "whole_gpu")]
    #[schema(value_type = Object)]
    unit: AllocationUnit,
    /// The stated factor by which more may be granted than there is, in parts per million.
    #[serde(default = "as_it_is")]
    over_allocation_ppm: i64,
    #[schema(value_type = i64)]
    gpu_seconds: GpuSeconds,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    /// When the environment opens for users, if that is later.
    #[serde(default)]
    opens_at: Option<DateTime<Utc>>,
}

const fn whole_gpu() -> AllocationUnit {
    AllocationUnit::Gpu
}

const fn as_it_is() -> i64 {
    NOT_OVER_ALLOCATED_PPM
}

/// Lays out a pool.
#[utoipa::path(post, path = "/v1/pools", tag = "set-up", request_body = CreatePool,
    responses((status = 201, description = "The pool")))]
pub(super) async fn create_pool(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<CreatePool>,
) -> Result<(StatusCode, Json<Pool>), ApiError> {
    let new = NewPool {
        pool_id: body.pool_id,
        fund_id: body.fund_id,
        cluster: body.cluster,
        class: body.class,
        gpu_type: body.gpu_type,
        gpus_per_node: body.gpus_per_node,
        partition: body.partition,
        unit: body.unit,
        over_allocation_ppm: body.over_allocation_ppm,
        gpu_seconds: body.gpu_seconds,
        valid_from: body.valid_from,
        valid_until: body.valid_until,
        opens_at: body.opens_at,
    };
    let mut tx = app.db.begin().await?;
    let pool = pool::create(&mut tx, &new, &caller.stamp(app.clock.now(), None)).await?;
    tx.commit().await?;
    super::slurm_must_follow(&app);
    Ok((StatusCode::CREATED, Json(pool)))
}

/// Lists the pools.
#[utoipa::path(get, path = "/v1/pools", tag = "set-up",
    responses((status = 200, description = "All pools")))]
pub(super) async fn list_pools(State(app): State<App>) -> Result<Json<Vec<Pool>>, ApiError> {
    Ok(Json(pool::list(&mut *app.db.acquire().await?).await?))
}

/// How Slurm is to keep a pool's share.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetShare {
    pool_share_id: Uuid,
    /// `{"mode": "none"}`, `{"mode": "set_aside", "nodes": ["node01"]}`,
    /// `{"mode": "guaranteed", "gpus": 16}` or `{"mode": "capped", "gpus": 16}`.
    #[schema(value_type = Object)]
    share: ShareMode,
}

/// A pool's share as it counts now.
#[derive(Serialize, ToSchema)]
pub(super) struct ShareShown {
    pool_id: Uuid,
    #[schema(value_type = Object)]
    share: ShareMode,
    /// What the mode does and what it costs others.
    meaning: &'static str,
}

impl ShareShown {
    fn of(pool_id: Uuid, share: ShareMode) -> Self {
        let meaning = match &share {
            ShareMode::None => "The pool has no share of its own: its jobs wait among all others.",
            ShareMode::SetAside { .. } => {
                "The nodes are reserved whole and run nothing else, used or not. Slurm 22.05 \
                 cannot reserve single GPUs: it takes the whole node, and says nothing."
            }
            ShareMode::Guaranteed { .. } => {
                "Research may use the GPUs while they are free; its jobs are stopped and put back \
                 in line when the pool's jobs need them."
            }
            ShareMode::Capped { .. } => {
                "The pool's jobs never have more GPUs at once, and nothing is kept free for them."
            }
        };
        Self { pool_id, share, meaning }
    }
}

/// Sets how Slurm keeps a pool's share; the newest setting counts.
#[utoipa::path(post, path = "/v1/pools/{pool_id}/share", tag = "set-up",
    params(("pool_id" = Uuid, Path,)), request_body = SetShare,
    responses((status = 201, body = ShareShown), (status = 404)))]
pub(super) async fn set_share(
    State(app): State<App>,
    caller: Caller,
    Path(pool_id): Path<Uuid>,
    Body(body): Body<SetShare>,
) -> Result<(StatusCode, Json<ShareShown>), ApiError> {
    let new = NewShare { pool_share_id: body.pool_share_id, pool_id, mode: body.share };
    let mut tx = app.db.begin().await?;
    if matches!(new.mode, ShareMode::Guaranteed { .. }) {
        let cluster = known(&mut tx, pool_id).await?.cluster;
        let on = app.clusters.named(&cluster);
        super::needs_preemption(on.ok_or(GatewayError::NotConfigured(cluster))?)?;
    }
    pool::set_share(&mut tx, &new, &caller.stamp(app.clock.now(), None)).await?;
    tx.commit().await?;
    super::slurm_must_follow(&app);
    Ok((StatusCode::CREATED, Json(ShareShown::of(pool_id, new.mode))))
}

/// Shows how Slurm is to keep a pool's share, and what that means.
#[utoipa::path(get, path = "/v1/pools/{pool_id}/share", tag = "set-up",
    params(("pool_id" = Uuid, Path,)),
    responses((status = 200, body = ShareShown), (status = 404)))]
pub(super) async fn show_share(
    State(app): State<App>,
    Path(pool_id): Path<Uuid>,
) -> Result<Json<ShareShown>, ApiError> {
    let mut connection = app.db.acquire().await?;
    known(&mut connection, pool_id).await?;
    let share = pool::share_of(&mut connection, pool_id).await?;
    Ok(Json(ShareShown::of(pool_id, share)))
}

/// The pool, or the sentence that there is none.
pub(super) async fn known(tx: &mut PgConnection, pool_id: Uuid) -> Result<Pool, ApiError> {
    pool::by_id(tx, pool_id).await?.ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "no_such_pool",
            "there is no such pool; `mimer pool list` shows them",
        )
    })
}
