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
pub async fn publish(
    tx: &mut PgConnection,
    card: &NewRateCard,
    stamp: &Stamp<'_>,
) -> Result<(), RateError> {
    check(card)?;
    let inserted = sqlx::query!(
        "insert into accounting.rate_card
             (rate_card_id, name, valid_from, valid_until, charges_node_failure, published_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (rate_card_id) do nothing",
        card.rate_card_id,
        card.name,
        card.valid_from,
        card.valid_until,
        card.charges_node_failure,
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
        "charges_node_failure": card.charges_node_failure,
        "rates": card.rates,
    });
    stamp.audit(tx, "rate_card.publish", ("rate_card", card.rate_card_id), details).await?;
    Ok(())
}

/// The rate that quotes a class on a partition at an instant.
///
/// A rate for the category goes before one for everybody, and of those the newest valid card's.
pub async fn rate_for(
    tx: &mut PgConnection,
    class: &str,
    partition: &str,
    category: &str,
    at: DateTime<Utc>,
) -> Result<Rate, RateError> {
    let rates = rates_for(tx, &[(class, partition)], category, at).await?;
    rates.into_iter().next().ok_or_else(|| RateError::NoRate {
        class: class.to_owned(),
        partition: partition.to_owned(),
        category: category.to_owned(),
        at,
    })
}

/// The rates that quote these classes and partitions, as [`rate_for`] finds them, in one query.
///
/// One rate for each pair that has any, in no order; a pair without one is not in the answer.
pub async fn rates_for(
    tx: &mut PgConnection,
    wanted: &[(&str, &str)],
    category: &str,
    at: DateTime<Utc>,
) -> Result<Vec<Rate>, RateError> {
    let (classes, partitions): (Vec<String>, Vec<String>) =
        wanted.iter().map(|&(class, partition)| (class.to_owned(), partition.to_owned())).unzip();
    let rates = sqlx::query_as!(
        Rate,
        "select distinct on (r.class, r.partition)
             r.rate_id, r.rate_card_id, c.name as rate_card_name, r.class, r.partition, r.category,
             r.price_usek_per_gpu_hour, r.factor_ppm, c.charges_node_failure
         from unnest($1::text[], $2::text[]) as w (class, partition)
         join accounting.rate r on r.class = w.class and r.partition = w.partition
         join accounting.rate_card c on c.rate_card_id = r.rate_card_id
         where r.category in ($3, 'any')
             and c.valid_from <= $4 and (c.valid_until is null or $4 < c.valid_until)
         order by r.class, r.partition, (r.category = $3) desc, c.valid_from desc",
        &classes,
        &partitions,
        category,
        at,
    )
    .fetch_all(tx)
    .await?;
    Ok(rates)
}

/// The rate that a hold or a charge names.
pub async fn rate_by_id(tx: &mut PgConnection, rate_id: Uuid) -> Result<Rate, RateError> {
    sqlx::query_as!(
        Rate,
        "select r.rate_id, r.rate_card_id, c.name as rate_card_name, r.class, r.partition, r.category,
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
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
    };
    let fault = if card.rates.is_empty() {
        "it prices nothing; give it at least one rate"
    } else if card.rates.iter().any(negative) {
        "a price or a factor is below zero"
    } else if card.valid_until.is_some_and(|until| until <= card.valid_from) {
        "it ends before it starts"
    } else if !card.rates.iter().all(|rate| is_word(&rate.category)) {
        "a category is not a word of small letters and underscores; \"any\" prices everybody"
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
        "insert into accounting.rate (rate_id, rate_card_id, class, partition, category,
             valid_from, price_usek_per_gpu_hour, factor_ppm)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict do nothing",
        rate.rate_id,
        card.rate_card_id,
        rate.class,
        rate.partition,
        rate.category,
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
            category: rate.category.clone(),
            valid_from: card.valid_from,
        })
    }
}

/// Whether exactly this card stands under its id.
async fn is_published(tx: &mut PgConnection, card: &NewRateCard) -> Result<bool, sqlx::Error> {
    let head = sqlx::query!(
        "select name, valid_from, valid_until, charges_node_failure
         from accounting.rate_card where rate_card_id = $1",
        card.rate_card_id,
    )
    .fetch_one(&mut *tx)
    .await?;
    let mut published = sqlx::query_as!(
        NewRate,
        "select rate_id, class, partition, category, price_usek_per_gpu_hour, factor_ppm
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
        && head.charges_node_failure == card.charges_node_failure
        && published == asked)
}
