//! `/v1/rate-cards`: dated prices, published once.

use accounting::rate_card::{self, NewRateCard};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::{ApiError, Body};
use crate::app::App;
use crate::auth::Caller;

/// Publishes a rate card: dated prices per class, partition and category of applicant. A published
/// card never changes.
#[utoipa::path(post, path = "/v1/rate-cards", tag = "money",
    request_body(content = Object, description = "rate_card_id, name, valid_from, valid_until, \
        charges_node_failure, rates: [{rate_id, class, partition, category, \
        price_usek_per_gpu_hour, factor_ppm}]; category is `any`, `public_body`, `sme` or \
        `academia`"),
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
