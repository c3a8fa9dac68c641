//! Publishing and finding rates.

use chrono::TimeDelta;
use record::id;
use sqlx::PgPool;

use super::{card, migrate, noon, stamp};
use crate::rate_card::{self, NewRateCard, RateError};

async fn publish(db: &PgPool, card: &NewRateCard) -> Result<(), RateError> {
    let mut tx = db.begin().await?;
    rate_card::publish(&mut tx, card, &stamp()).await?;
    Ok(tx.commit().await?)
}

#[sqlx::test(migrations = false)]
async fn the_newest_valid_card_quotes(db: PgPool) {
    migrate(&db).await;
    let (spring, summer) = (card(noon(), 100), card(noon() + TimeDelta::days(90), 200));
    publish(&db, &spring).await.unwrap();
    publish(&db, &summer).await.unwrap();
    let mut tx = db.acquire().await.unwrap();

    let rate = rate_card::rate_for(&mut tx, "h200", "gpu", "any", noon()).await.unwrap();
    assert_eq!((rate.rate_id, rate.price_usek_per_gpu_hour), (spring.rates[0].rate_id, 100));
    assert!(!rate.charges_node_failure);
    let later = noon() + TimeDelta::days(90);
    let rate = rate_card::rate_for(&mut tx, "h200", "gpu", "any", later).await.unwrap();
    assert_eq!((rate.rate_card_id, rate.price_usek_per_gpu_hour), (summer.rate_card_id, 200));
    assert_eq!(rate_card::rate_by_id(&mut tx, rate.rate_id).await.unwrap(), rate);

    let before = noon() - TimeDelta::seconds(1);
    for (class, partition, at) in
        [("h200", "gpu", before), ("h200", "cpu", noon()), ("a100", "gpu", noon())]
    {
        let refused = rate_card::rate_for(&mut tx, class, partition, "any", at).await.unwrap_err();
        assert!(matches!(refused, RateError::NoRate { .. }), "{class} {partition} {at}");
    }
    let refused = rate_card::rate_by_id(&mut tx, id::fresh()).await.unwrap_err();
    assert!(matches!(refused, RateError::NoSuchRate(_)));
}

#[sqlx::test(migrations = false)]
async fn a_card_that_ended_does_not_quote(db: PgPool) {
    migrate(&db).await;
    let mut spring = card(noon(), 100);
    spring.valid_until = Some(noon() + TimeDelta::days(1));
    publish(&db, &spring).await.unwrap();
    let mut tx = db.acquire().await.unwrap();

    let last = noon() + TimeDelta::days(1) - TimeDelta::seconds(1);
    rate_card::rate_for(&mut tx, "h200", "gpu", "any", last).await.unwrap();
    let refused =
        rate_card::rate_for(&mut tx, "h200", "gpu", "any", noon() + TimeDelta::days(1)).await;
    assert!(matches!(refused, Err(RateError::NoRate { .. })));
}

#[sqlx::test(migrations = false)]
async fn publishing_again_changes_nothing_and_publishing_otherwise_is_refused(db: PgPool) {
    migrate(&db).await;
    let first = card(noon(), 100);
    publish(&db, &first).await.unwrap();
    publish(&db, &first).await.unwrap();

    let mut dearer = first.clone();
    dearer.rates[0].price_usek_per_gpu_hour = 101;
    let refused = publish(&db, &dearer).await.unwrap_err();
    assert!(matches!(refused, RateError::RateCardIdReused(id) if id == first.rate_card_id));
    let mut borrowed = card(noon() + TimeDelta::days(1), 100);
    borrowed.rates[0].rate_id = first.rates[0].rate_id;
    let refused = publish(&db, &borrowed).await.unwrap_err();
    assert!(matches!(refused, RateError::RateIdReused(_)));
    let refused = publish(&db, &card(noon(), 100)).await.unwrap_err();
    assert!(matches!(refused, RateError::RateTaken { .. }));
}

#[sqlx::test(migrations = false)]
async fn a_card_that_makes_no_sense_is_refused(db: PgPool) {
    migrate(&db).await;
    let mut cards = vec![card(noon(), 100), card(noon(), -1), card(noon(), 100), card(noon(), 100)];
    cards[0].rates.clear();
    cards[2].valid_until = Some(noon());
    cards[3].rates[0].factor_ppm = -1;
    for card in cards {
        let refused = publish(&db, &card).await.unwrap_err();
        assert!(matches!(refused, RateError::Malformed { .. }), "{card:?}");
    }
}

#[sqlx::test(migrations = false)]
async fn a_rate_for_the_category_goes_before_one_for_everybody(db: PgPool) {
    migrate(&db).await;
    let mut spring = card(noon(), 100);
    let mut sme = spring.rates[0].clone();
    (sme.rate_id, sme.category, sme.price_usek_per_gpu_hour) = (id::fresh(), "sme".to_owned(), 300);
    spring.rates.push(sme);
    spring.charges_node_failure = true;
    publish(&db, &spring).await.unwrap();
    publish(&db, &spring).await.unwrap();
    // Newer, and still not for small companies in particular.
    publish(&db, &card(noon() + TimeDelta::days(1), 200)).await.unwrap();
    let mut tx = db.acquire().await.unwrap();
    let later = noon() + TimeDelta::days(2);

    let for_sme = rate_card::rate_for(&mut tx, "h200", "gpu", "sme", later).await.unwrap();
    assert_eq!((for_sme.price_usek_per_gpu_hour, for_sme.category.as_str()), (300, "sme"));
    assert!(for_sme.charges("NODE_FAIL"));
    let public = rate_card::rate_for(&mut tx, "h200", "gpu", "public_body", later).await.unwrap();
    assert_eq!((public.price_usek_per_gpu_hour, public.category.as_str()), (200, "any"));
    let wanted = [("h200", "gpu"), ("h200", "cpu"), ("h200", "gpu")];
    let rates = rate_card::rates_for(&mut tx, &wanted, "sme", later).await.unwrap();
    assert_eq!(rates, [for_sme]);

    let mut shouted = card(noon() + TimeDelta::days(3), 100);
    shouted.rates[0].category = "SME".to_owned();
    let refused = publish(&db, &shouted).await.unwrap_err();
    assert!(matches!(refused, RateError::Malformed { .. }));
}
