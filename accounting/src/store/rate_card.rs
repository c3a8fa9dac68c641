//! Publishing rate cards and finding the rate that quotes.

use chrono::{DateTime, Utc};
use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    rate_card::{NewRate, NewRateCard, Rate, RateError},
    store::kept,
};

/// Publishes a rate card. The same card again changes nothing.
///
/// Runs that the machine's own fault ended are not charged by cards of this form.
pub async fn publish(
    tx: &mut PgConnection,
    card: &NewRateCard,
    stamp: &Stamp<'_>,
) -> Result<(), RateError> {
    check(card)?;
    let inserted = sqlx::query!(
        "insert into accounting.rate_card
             (rate_card_id, name, valid_from, valid_until, charges_node_failure, published_at)
         values ($1, $2, $3, $4, false, $5)
         on conflict (rate_card_id) do nothing",
        card.rate_card_id,
        card.name,
        card.valid_from,
        card.valid_until,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return if is_published(tx, card).await? {
            Ok(())
        } else {
            Err(RateError::RateCardIdReused(card.rate_card_id))
        };
    }
    for rate in &card.rates {
        insert(tx, card, rate).await?;
    }
    let details = json!({
        "valid_from": card.valid_from,
        "valid_until": card.valid_until,
        "rates": card.rates,
    });
    stamp.audit(tx, "rate_card.publish", ("rate_card", card.rate_card_id), details).await?;
    Ok(())
}

/// The rate that quotes a class on a partition at an instant: the newest card's that is valid.
pub async fn rate_for(
    tx: &mut PgConnection,
    class: &str,
    partition: &str,
    at: DateTime<Utc>,
) -> Result<Rate, RateError> {
    sqlx::query_as!(
        Rate,
        "select r.rate_id, r.rate_card_id, c.name as rate_card_name, r.class, r.partition,
             r.price_usek_per_gpu_hour, r.factor_ppm, c.charges_node_failure
         from accounting.rate r
         join accounting.rate_card c on c.rate_card_id = r.rate_card_id
         where r.class = $1 and r.partition = $2
             and c.valid_from <= $3 and (c.valid_until is null or $3 < c.valid_until)
         order by c.valid_from desc
         limit 1",
        class,
        partition,
        at,
    )
    .fetch_optional(tx)
    .await?
    .ok_or_else(|| RateError::NoRate {
        class: class.to_owned(),
        partition: partition.to_owned(),
        at,
    })
}

/// The rate that a hold or a charge names.
pub async fn rate_by_id(tx: &mut PgConnection, rate_id: Uuid) -> Result<Rate, RateError> {
    sqlx::query_as!(
        Rate,
        "select r.rate_id, r.rate_card_id, c.name as rate_card_name, r.class, r.partition,
             r.price_usek_per_gpu_hour, r.factor_ppm, c.charges_node_failure
         from accounting.rate r
         join accounting.rate_card c on c.rate_card_id = r.rate_card_id
         where r.rate_id = $1",
        rate_id,
    )
    .fetch_optional(tx)
    .await?
    .ok_or(RateError::NoSuchRate(rate_id))
}

fn check(card: &NewRateCard) -> Result<(), RateError> {
    let negative = |rate: &NewRate| rate.price_usek_per_gpu_hour < 0 || rate.factor_ppm < 0;
    let fault = if card.rates.is_empty() {
        "it prices nothing; give it at least one rate"
    } else if card.rates.iter().any(negative) {
        "a price or a factor is below zero"
    } else if card.valid_until.is_some_and(|until| until <= card.valid_from) {
        "it ends before it starts"
    } else {
        return Ok(());
    };
    Err(RateError::Malformed { rate_card_id: card.rate_card_id, fault })
}

async fn insert(
    tx: &mut PgConnection,
    card: &NewRateCard,
    rate: &NewRate,
) -> Result<(), RateError> {
    let inserted = sqlx::query!(
        "insert into accounting.rate (rate_id, rate_card_id, class, partition, valid_from,
             price_usek_per_gpu_hour, factor_ppm)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict do nothing",
        rate.rate_id,
        card.rate_card_id,
        rate.class,
        rate.partition,
        card.valid_from,
        rate.price_usek_per_gpu_hour,
        rate.factor_ppm,
    )
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(());
    }
    let id_is_used =
        sqlx::query!("select rate_id from accounting.rate where rate_id = $1", rate.rate_id)
            .fetch_optional(tx)
            .await?
            .is_some();
    if id_is_used {
        Err(RateError::RateIdReused(rate.rate_id))
    } else {
        Err(RateError::RateTaken {
            class: rate.class.clone(),
            partition: rate.partition.clone(),
            valid_from: card.valid_from,
        })
    }
}

/// Whether exactly this card stands under its id.
async fn is_published(tx: &mut PgConnection, card: &NewRateCard) -> Result<bool, sqlx::Error> {
    let head = sqlx::query!(
        "select name, valid_from, valid_until from accounting.rate_card where rate_card_id = $1",
        card.rate_card_id,
    )
    .fetch_one(&mut *tx)
    .await?;
    let mut published = sqlx::query_as!(
        NewRate,
        "select rate_id, class, partition, price_usek_per_gpu_hour, factor_ppm
         from accounting.rate where rate_card_id = $1",
        card.rate_card_id,
    )
    .fetch_all(tx)
    .await?;
    let mut asked = card.rates.clone();
    published.sort_by_key(|rate| rate.rate_id);
    asked.sort_by_key(|rate| rate.rate_id);
    Ok(head.name == card.name
        && head.valid_from == kept(card.valid_from)
        && head.valid_until == card.valid_until.map(kept)
        && published == asked)
}
