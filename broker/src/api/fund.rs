//! `/v1/funds`, `/v1/pools` and `/v1/rate-cards`: what the operator and finance set up.

use accounting::rate_card::{self, NewRateCard};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use quotas::fund::{self, Fund, FundPurpose, NewFund};
use quotas::pool::{self, NewPool, Pool};
use record::{GpuSeconds, MicroSek};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body};
use crate::app::App;
use crate::auth::Caller;

/// A new fund.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateFund {
    fund_id: Uuid,
    name: String,
    /// `public_sector` or `research`; the two never mix.
    #[schema(value_type = String)]
    purpose: FundPurpose,
    /// What it holds, in µSEK.
    #[schema(value_type = i64)]
    ceiling_usek: MicroSek,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
}

/// Opens a fund.
#[utoipa::path(post, path = "/v1/funds", tag = "set-up", request_body = CreateFund,
    responses((status = 201, description = "The fund")))]
pub(super) async fn create_fund(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<CreateFund>,
) -> Result<(StatusCode, Json<Fund>), ApiError> {
    let new = NewFund {
        fund_id: body.fund_id,
        name: body.name,
        purpose: body.purpose,
        ceiling: body.ceiling_usek,
        valid_from: body.valid_from,
        valid_until: body.valid_until,
    };
    let mut tx = app.db.begin().await?;
    let fund = fund::create(&mut tx, &new, &caller.stamp(app.clock.now(), None)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(fund)))
}

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
    #[schema(value_type = i64)]
    gpu_seconds: GpuSeconds,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
    /// When the environment opens for users, if that is later.
    #[serde(default)]
    opens_at: Option<DateTime<Utc>>,
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
        gpu_seconds: body.gpu_seconds,
        valid_from: body.valid_from,
        valid_until: body.valid_until,
        opens_at: body.opens_at,
    };
    let mut tx = app.db.begin().await?;
    let pool = pool::create(&mut tx, &new, &caller.stamp(app.clock.now(), None)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(pool)))
}

/// Lists the pools.
#[utoipa::path(get, path = "/v1/pools", tag = "set-up",
    responses((status = 200, description = "All pools")))]
pub(super) async fn list_pools(State(app): State<App>) -> Result<Json<Vec<Pool>>, ApiError> {
    Ok(Json(pool::list(&mut *app.db.acquire().await?).await?))
}

/// Publishes a rate card: dated prices per class and partition. A published card never changes.
#[utoipa::path(post, path = "/v1/rate-cards", tag = "money",
    request_body(content = Object, description = "rate_card_id, name, valid_from, valid_until, \
        rates: [{rate_id, class, partition, price_usek_per_gpu_hour, factor_ppm}]"),
    responses((status = 201, description = "The rate card")))]
pub(super) async fn publish_rate_card(
    State(app): State<App>,
    caller: Caller,
    Body(card): Body<NewRateCard>,
) -> Result<(StatusCode, Json<NewRateCard>), ApiError> {
    let mut tx = app.db.begin().await?;
    rate_card::publish(&mut tx, &card, &caller.stamp(app.clock.now(), None)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(card)))
}
