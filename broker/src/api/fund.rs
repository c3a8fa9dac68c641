//! `/v1/funds`: money with a purpose, conditions and an end.

use accounting::rate_card::{self, Rate};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use quotas::fund::{self, Envelope, Fund, FundPurpose, NewFund};
use record::{GpuSeconds, MicroSek};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{ApiError, Body, Path, Query};
use crate::app::App;
use crate::auth::Caller;

/// A new fund.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateFund {
    fund_id: Uuid,
    name: String,
    /// `public_sector`, `research` or `innovation`; they never mix.
    #[schema(value_type = String)]
    purpose: FundPurpose,
    /// What it holds, in µSEK.
    #[schema(value_type = i64)]
    ceiling_usek: MicroSek,
    /// What the money may be used for, in the words of whoever gave it.
    #[serde(default)]
    conditions: String,
    /// The yearly range it was announced with.
    #[serde(default)]
    envelope: Option<EnvelopeGiven>,
    /// How much of what expires on a grant may be carried over, in parts per million; 0: nothing.
    #[serde(default)]
    carry_over_ppm: i64,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EnvelopeGiven {
    #[schema(value_type = i64)]
    low_usek: MicroSek,
    #[schema(value_type = i64)]
    high_usek: MicroSek,
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
        conditions: body.conditions,
        envelope: body
            .envelope
            .map(|given| Envelope { low: given.low_usek, high: given.high_usek }),
        carry_over_ppm: body.carry_over_ppm,
        valid_from: body.valid_from,
        valid_until: body.valid_until,
    };
    let mut tx = app.db.begin().await?;
    let fund = fund::create(&mut tx, &new, &caller.stamp(app.clock.now(), None)).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(fund)))
}

/// Lists the funds.
#[utoipa::path(get, path = "/v1/funds", tag = "set-up",
    responses((status = 200, description = "All funds, the one that ends first first")))]
pub(super) async fn list_funds(State(app): State<App>) -> Result<Json<Vec<Fund>>, ApiError> {
    Ok(Json(fund::list(&mut *app.db.acquire().await?).await?))
}

/// By which price the envelope is converted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct ByPrice {
    /// Class of GPU.
    class: String,
    /// Slurm partition.
    partition: String,
    /// The price of which day; now if it is left out.
    at: Option<DateTime<Utc>>,
}

/// A fund's envelope in money and, by one dated price, in GPU time.
#[derive(Serialize, ToSchema)]
pub(super) struct EnvelopeShown {
    fund_id: Uuid,
    #[schema(value_type = i64)]
    low_usek: MicroSek,
    #[schema(value_type = i64)]
    high_usek: MicroSek,
    #[schema(value_type = i64)]
    low_gpu_seconds: GpuSeconds,
    #[schema(value_type = i64)]
    high_gpu_seconds: GpuSeconds,
    /// The instant whose price it is.
    at: DateTime<Utc>,
    /// The price, with the card it stands on.
    #[schema(value_type = Object)]
    rate: Rate,
}

/// Converts a fund's envelope into GPU time by the rate card of a day, which is named.
#[utoipa::path(get, path = "/v1/funds/{fund_id}/envelope", tag = "set-up",
    params(("fund_id" = Uuid, Path,), ByPrice),
    responses((status = 200, body = EnvelopeShown), (status = 404)))]
pub(super) async fn envelope(
    State(app): State<App>,
    Path(fund_id): Path<Uuid>,
    Query(by): Query<ByPrice>,
) -> Result<Json<EnvelopeShown>, ApiError> {
    let mut connection = app.db.acquire().await?;
    let fund = known(&mut connection, fund_id).await?;
    let envelope = fund.envelope.ok_or_else(|| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "no_such_envelope",
            "this fund was laid out without an envelope; its ceiling is all that is known",
        )
    })?;
    let at = by.at.unwrap_or_else(|| app.clock.now());
    let category = payee(fund.purpose);
    let ByPrice { class, partition, .. } = &by;
    let rate = rate_card::rate_for(&mut connection, class, partition, category, at).await?;
    let price = rate.price().map_err(|error| ApiError::internal(&error))?;
    let (low_gpu_seconds, high_gpu_seconds) = fund::envelope::gpu_seconds(&envelope, price);
    Ok(Json(EnvelopeShown {
        fund_id,
        low_usek: envelope.low,
        high_usek: envelope.high,
        low_gpu_seconds,
        high_gpu_seconds,
        at,
        rate,
    }))
}

/// The category of applicant that a fund of this purpose pays for, as rate cards name it.
const fn payee(purpose: FundPurpose) -> &'static str {
    match purpose {
        FundPurpose::PublicSector => "public_body",
        FundPurpose::Research => "academia",
        FundPurpose::Innovation => "sme",
    }
}

/// The fund, or the sentence that there is none.
pub(super) async fn known(tx: &mut PgConnection, fund_id: Uuid) -> Result<Fund, ApiError> {
    fund::by_id(tx, fund_id).await?.ok_or_else(unknown)
}

/// There is no such fund.
pub(super) fn unknown() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no_such_fund",
        "there is no such fund; `mimer fund list` shows them",
    )
}
