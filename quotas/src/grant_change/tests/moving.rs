//! From one grant to another.

use super::*;

#[sqlx::test(migrations = false)]
async fn a_transfer_moves_what_is_free_within_a_pool(db: PgPool) {
    let (site, from, mut tx) = granted(&db).await;
    let to = site.granted(&mut tx, |_| {}).await;
    let left = left_in_pool(&mut tx, &site, from.grant_id).await;
    let asked = ten_moved(&site, from.grant_id, to.grant_id);
    let change = transfer(&mut tx, &asked, &by(site.decider)).await.unwrap();
    assert_eq!((change.grant_id, change.other_grant_id), (from.grant_id, Some(to.grant_id)));
    assert_eq!(transfer(&mut tx, &asked, &by(site.decider)).await.unwrap(), change);
    assert_eq!(balance(&mut tx, from.grant_id).await.granted, hours(90));
    let gained = balance(&mut tx, to.grant_id).await;
    assert_eq!((gained.granted, gained.available_usek), (hours(110), sek(210)));
    assert_eq!(left_in_pool(&mut tx, &site, from.grant_id).await, left);
    let of_from = list_for_grant(&mut tx, from.grant_id).await.unwrap();
    assert_eq!(list_for_grant(&mut tx, to.grant_id).await.unwrap(), of_from);
    assert_eq!(of_from, [change]);
}

#[sqlx::test(migrations = false)]
async fn between_two_pools_a_transfer_needs_room_in_the_second(db: PgPool) {
    let (site, from, mut tx) = granted(&db).await;
    let small = other_pool(&mut tx, &site, |pool| pool.gpu_seconds = hours(19)).await;
    let to =
        site.granted(&mut tx, |grant| (grant.pool_id, grant.gpu_seconds) = (small, hours(5))).await;
    let left = left_in_pool(&mut tx, &site, from.grant_id).await;
    let asked = ten_moved(&site, from.grant_id, to.grant_id);
    transfer(&mut tx, &asked, &by(site.decider)).await.unwrap();
    assert_eq!(balance(&mut tx, to.grant_id).await.granted, hours(15));
    let now_left = left_in_pool(&mut tx, &site, from.grant_id).await;
    assert_eq!(now_left.checked_sub(left), Some(hours(10)), "it went back to its own pool");
    let asked = ten_moved(&site, from.grant_id, to.grant_id);
    let refused = transfer(&mut tx, &asked, &by(site.decider)).await;
    assert!(matches!(
        refused,
        Err(ChangeError::PoolExhausted { pool_id, available, .. })
            if (pool_id, available) == (small, hours(4))
    ));
}

#[sqlx::test(migrations = false)]
async fn nothing_moves_between_funds_or_classes_or_to_itself(db: PgPool) {
    let (site, from, mut tx) = granted(&db).await;
    let refused =
        transfer(&mut tx, &ten_moved(&site, from.grant_id, from.grant_id), &by(site.decider)).await;
    assert!(matches!(refused, Err(ChangeError::SameGrant { .. })));

    let foreign = other_fund(&mut tx, &site).await;
    let to = site.granted(&mut tx, |grant| grant.pool_id = foreign).await;
    let asked = ten_moved(&site, from.grant_id, to.grant_id);
    let refused = transfer(&mut tx, &asked, &by(site.decider)).await;
    assert!(matches!(refused, Err(ChangeError::FundsNeverMix { .. })));

    let slower = other_pool(&mut tx, &site, |pool| pool.class = "a100".to_owned()).await;
    let to = site.granted(&mut tx, |grant| grant.pool_id = slower).await;
    let asked = ten_moved(&site, from.grant_id, to.grant_id);
    let refused = transfer(&mut tx, &asked, &by(site.decider)).await;
    assert!(matches!(refused, Err(ChangeError::ClassDiffers { .. })));

    let unit = pool::AllocationUnit::MigInstance { share_ppm: 142_857 };
    let sliced = other_pool(&mut tx, &site, |pool| pool.unit = unit).await;
    let to = site.granted(&mut tx, |grant| grant.pool_id = sliced).await;
    let asked = ten_moved(&site, from.grant_id, to.grant_id);
    let refused = transfer(&mut tx, &asked, &by(site.decider)).await;
    assert!(matches!(refused, Err(ChangeError::ClassDiffers { .. })));
}

#[sqlx::test(migrations = false)]
async fn a_transfer_counts_on_the_share_of_the_agency_that_gains(db: PgPool) {
    let (site, from, mut tx) = granted(&db).await;
    share(&mut tx, &site, hours(200)).await;
    let second = site.granted(&mut tx, |_| {}).await;
    let asked = ten_moved(&site, from.grant_id, second.grant_id);
    transfer(&mut tx, &asked, &by(site.decider)).await.unwrap();

    let other = site.beside(&mut tx).await;
    let theirs = other.granted(&mut tx, |grant| grant.usek = sek(100)).await;
    share(&mut tx, &other, hours(105)).await;
    let asked = ten_moved(&site, from.grant_id, theirs.grant_id);
    let refused = transfer(&mut tx, &asked, &by(site.decider)).await;
    assert!(matches!(
        refused,
        Err(ChangeError::AgencyShareExhausted { agency_id, .. }) if agency_id == other.agency_id
    ));
}

#[sqlx::test(migrations = false)]
async fn no_more_moves_than_is_free(db: PgPool) {
    let (site, from, mut tx) = granted(&db).await;
    let to = site.granted(&mut tx, |_| {}).await;
    let asked =
        Transfer { gpu_seconds: hours(101), ..ten_moved(&site, from.grant_id, to.grant_id) };
    let refused = transfer(&mut tx, &asked, &by(site.decider)).await.unwrap_err();
    assert_eq!(refused.code(), "ledger_grant_short");
}
