//! Shares of agencies, set and kept.

use record::id;
use sqlx::PgPool;

use super::*;
use crate::{
    fixture::{Site, by, trail},
    fund::{self, NewFund},
    pool::{self, NewPool},
};

fn hours(hours: i64) -> GpuSeconds {
    GpuSeconds::new(hours * 3_600).unwrap()
}

fn new(site: &Site, gpu_seconds: GpuSeconds) -> NewAgencyShare {
    let Site { pool_id, agency_id, .. } = *site;
    NewAgencyShare { agency_share_id: id::fresh(), pool_id, agency_id, gpu_seconds }
}

#[sqlx::test(migrations = false)]
async fn the_newest_share_counts(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(site.operator);
    for (version, size) in [(1, 400), (2, 300)] {
        let asked = new(&site, hours(size));
        let share = set(&mut tx, &asked, &stamp).await.unwrap();
        assert_eq!((share.version, share.gpu_seconds), (version, hours(size)));
        assert_eq!(set(&mut tx, &asked, &stamp).await.unwrap(), share);
        assert_eq!(list_for_pool(&mut tx, site.pool_id).await.unwrap(), [share]);
        let other = NewAgencyShare { gpu_seconds: hours(1), ..asked };
        let refused = set(&mut tx, &other, &stamp).await;
        assert!(matches!(refused, Err(AgencyShareError::AgencyShareIdReused(_))));
    }
    let told = trail(&mut tx, site.pool_id).await;
    assert_eq!(told.iter().filter(|action| *action == "pool.set_agency_share").count(), 2);
}

#[sqlx::test(migrations = false)]
async fn shares_never_promise_more_than_the_pool(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(site.operator);
    let other = site.beside(&mut tx).await;
    set(&mut tx, &new(&site, hours(600)), &stamp).await.unwrap();
    let refused = set(&mut tx, &new(&other, hours(401)), &stamp).await;
    assert!(matches!(
        refused,
        Err(AgencyShareError::SharesAbovePool { shared, promised, .. })
            if (shared, promised) == (hours(1_001), hours(1_000))
    ));
    set(&mut tx, &new(&other, hours(400)), &stamp).await.unwrap();
    set(&mut tx, &new(&site, hours(500)), &stamp).await.unwrap();
    set(&mut tx, &new(&other, hours(500)), &stamp).await.unwrap();

    let over_allocation_ppm = 1_500_000;
    let pool_id = id::fresh();
    let generous = NewPool { pool_id, over_allocation_ppm, ..site.new_pool() };
    pool::create(&mut tx, &generous, &stamp).await.unwrap();
    let most = NewAgencyShare { pool_id, ..new(&site, hours(1_500)) };
    set(&mut tx, &most, &stamp).await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_share_is_not_set_below_what_its_agency_has(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(site.operator);
    site.granted(&mut tx, |_| {}).await;
    let refused = set(&mut tx, &new(&site, hours(99)), &stamp).await;
    assert!(matches!(
        refused,
        Err(AgencyShareError::ShareBelowGranted { granted, .. }) if granted == hours(100)
    ));
    set(&mut tx, &new(&site, hours(100)), &stamp).await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_share_is_of_a_pool_whose_fund_may_pay(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let stamp = by(site.operator);
    let research =
        NewFund { fund_id: id::fresh(), purpose: FundPurpose::Research, ..site.new_fund() };
    let pool = NewPool { pool_id: id::fresh(), fund_id: research.fund_id, ..site.new_pool() };
    fund::create(&mut tx, &research, &stamp).await.unwrap();
    pool::create(&mut tx, &pool, &stamp).await.unwrap();
    let mixed = NewAgencyShare { pool_id: pool.pool_id, ..new(&site, hours(1)) };
    let refused = set(&mut tx, &mixed, &stamp).await;
    assert!(matches!(refused, Err(AgencyShareError::FundsNeverMix { .. })));
    let lost = NewAgencyShare { pool_id: Uuid::nil(), ..new(&site, hours(1)) };
    let refused = set(&mut tx, &lost, &stamp).await;
    assert!(matches!(refused, Err(AgencyShareError::NoSuchPool(_))));
    let nobody = NewAgencyShare { agency_id: Uuid::nil(), ..new(&site, hours(1)) };
    let refused = set(&mut tx, &nobody, &stamp).await;
    assert!(matches!(refused, Err(AgencyShareError::NoSuchAgency(_))));
}

#[test]
fn room_is_what_the_share_leaves() {
    let of = |share, granted| Standing { share, granted };
    assert_eq!(of(None, hours(5)).room_for(hours(1_000)), Ok(()));
    assert_eq!(of(Some(hours(5)), hours(4)).room_for(hours(1)), Ok(()));
    assert_eq!(of(Some(hours(5)), hours(4)).room_for(hours(2)), Err(hours(5)));
    let most = GpuSeconds::new(i64::MAX).unwrap();
    assert_eq!(of(Some(most), hours(1)).room_for(most), Err(most), "beyond what can be written");
}
