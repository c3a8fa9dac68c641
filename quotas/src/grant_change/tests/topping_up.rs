//! More for a grant, and back again.

use super::*;
use crate::{
    access_mode::{self, NewAccessMode},
    decision::{self, Approve},
    request::{self, NewRequest},
};

#[sqlx::test(migrations = false)]
async fn a_top_up_raises_the_grant_and_leaves_the_decision_as_it_was(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let asked = ten_more(&site, grant.grant_id);
    let change = top_up(&mut tx, &asked, &by(site.decider)).await.unwrap();
    assert_eq!(change.kind, ChangeKind::ToppedUp);
    assert_eq!(change.decided_by, Some(site.decider));
    let after = balance(&mut tx, grant.grant_id).await;
    assert_eq!((after.granted, after.available), (hours(110), hours(110)));
    assert_eq!((after.granted_usek, after.available_usek), (sek(210), sek(210)));
    assert_eq!(grant::by_id(&mut tx, grant.grant_id).await.unwrap(), Some(grant.clone()));
    assert_eq!(list_for_grant(&mut tx, grant.grant_id).await.unwrap(), [change]);
    let told = ["ledger.open_grant", "grant.top_up", "ledger.top_up"];
    assert_eq!(trail(&mut tx, grant.grant_id).await, told);
}

#[sqlx::test(migrations = false)]
async fn an_equal_repeat_changes_once_and_an_unequal_one_is_refused(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let asked = ten_more(&site, grant.grant_id);
    let first = top_up(&mut tx, &asked, &by(site.decider)).await.unwrap();
    let later = Stamp { now: day(7, 2), ..by(site.decider) };
    assert_eq!(top_up(&mut tx, &asked, &later).await.unwrap(), first);
    assert_eq!(balance(&mut tx, grant.grant_id).await.granted, hours(110));
    let more = TopUp { usek: sek(11), ..asked };
    let refused = top_up(&mut tx, &more, &by(site.decider)).await;
    assert!(matches!(refused, Err(ChangeError::ChangeIdReused(_))));
    let other = GiveBack { change_id: asked.change_id, ..ten_back(grant.grant_id) };
    let refused = give_back(&mut tx, &other, &by(site.member)).await;
    assert!(matches!(refused, Err(ChangeError::ChangeIdReused(_))));
}

#[sqlx::test(migrations = false)]
async fn a_change_of_nothing_or_of_no_grant_is_refused(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let (gpu_seconds, usek) = (GpuSeconds::ZERO, MicroSek::ZERO);
    let stamp = by(site.decider);
    let empty = TopUp { gpu_seconds, usek, ..ten_more(&site, grant.grant_id) };
    let refused = top_up(&mut tx, &empty, &stamp).await;
    assert!(matches!(refused, Err(ChangeError::ChangeEmpty(_))));
    let empty = GiveBack { gpu_seconds, usek, ..ten_back(grant.grant_id) };
    let refused = give_back(&mut tx, &empty, &stamp).await;
    assert!(matches!(refused, Err(ChangeError::ChangeEmpty(_))));
    let refused = top_up(&mut tx, &ten_more(&site, Uuid::nil()), &stamp).await;
    assert!(matches!(refused, Err(ChangeError::NoSuchGrant(_))));
    let only_money = TopUp { gpu_seconds, ..ten_more(&site, grant.grant_id) };
    top_up(&mut tx, &only_money, &stamp).await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn pool_and_fund_cover_every_top_up(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let beyond = TopUp { gpu_seconds: hours(901), ..ten_more(&site, grant.grant_id) };
    let refused = top_up(&mut tx, &beyond, &by(site.decider)).await;
    assert!(matches!(
        refused,
        Err(ChangeError::PoolExhausted { available, .. }) if available == hours(900)
    ));
    tx.rollback().await.unwrap();

    let mut tx = db.begin().await.unwrap();
    let grant = site.granted(&mut tx, |_| {}).await;
    let beyond = TopUp { usek: sek(801), ..ten_more(&site, grant.grant_id) };
    let refused = top_up(&mut tx, &beyond, &by(site.decider)).await;
    assert!(matches!(
        refused,
        Err(ChangeError::FundExhausted { available, .. }) if available == sek(800)
    ));
}

#[sqlx::test(migrations = false)]
async fn a_raise_stays_within_the_agencys_share(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    share(&mut tx, &site, hours(119)).await;
    top_up(&mut tx, &ten_more(&site, grant.grant_id), &by(site.decider)).await.unwrap();
    let refused = top_up(&mut tx, &ten_more(&site, grant.grant_id), &by(site.decider)).await;
    let Err(ChangeError::AgencyShareExhausted { share, granted, wanted, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!((share, granted, wanted), (hours(119), hours(110), hours(10)));
    give_back(&mut tx, &ten_back(grant.grant_id), &by(site.member)).await.unwrap();
    top_up(&mut tx, &ten_more(&site, grant.grant_id), &by(site.decider)).await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_raise_stays_within_the_access_mode(db: PgPool) {
    let site = Site::lay_out(&db, Category::PublicBody).await;
    let mut tx = db.begin().await.unwrap();
    let mode = NewAccessMode {
        access_mode_id: id::fresh(),
        fund_id: site.fund_id,
        name: "short".to_owned(),
        min_gpu_seconds: hours(1),
        max_gpu_seconds: hours(109),
        max_days: 100,
    };
    access_mode::create(&mut tx, &mode, &by(site.operator)).await.unwrap();
    let (request_id, access_mode_id) = (id::fresh(), Some(mode.access_mode_id));
    let asked = NewRequest { request_id, access_mode_id, ..site.new_request() };
    request::submit(&mut tx, &asked, &by(site.requester)).await.unwrap();
    let approval = Approve { request_id, ..site.approval() };
    let grant = decision::approve(&mut tx, &approval, &by(site.decider)).await.unwrap();
    let refused = top_up(&mut tx, &ten_more(&site, grant.grant_id), &by(site.decider)).await;
    assert!(matches!(
        refused,
        Err(ChangeError::BeyondAccessMode { max, granted, .. })
            if (max, granted) == (hours(109), hours(100))
    ));
}

#[sqlx::test(migrations = false)]
async fn a_grant_whose_window_is_over_is_not_raised(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let at_its_end = Stamp { now: grant.valid_until, ..by(site.decider) };
    let refused = top_up(&mut tx, &ten_more(&site, grant.grant_id), &at_its_end).await;
    assert!(matches!(refused, Err(ChangeError::GrantOver { .. })));
}

#[sqlx::test(migrations = false)]
async fn what_is_given_back_is_others_at_once(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let before = left_in_pool(&mut tx, &site, grant.grant_id).await;
    let asked = ten_back(grant.grant_id);
    let change = give_back(&mut tx, &asked, &by(site.member)).await.unwrap();
    assert_eq!((change.kind, change.decided_by), (ChangeKind::GivenBack, None));
    assert_eq!(give_back(&mut tx, &asked, &by(site.member)).await.unwrap(), change);
    assert_eq!(balance(&mut tx, grant.grant_id).await.granted, hours(90));
    let after = left_in_pool(&mut tx, &site, grant.grant_id).await;
    assert_eq!(after.checked_sub(before), Some(hours(10)));
}

#[sqlx::test(migrations = false)]
async fn no_more_is_given_back_than_is_free(db: PgPool) {
    let (site, grant, mut tx) = granted(&db).await;
    let beyond = GiveBack { gpu_seconds: hours(101), ..ten_back(grant.grant_id) };
    let refused = give_back(&mut tx, &beyond, &by(site.member)).await.unwrap_err();
    assert_eq!(refused.code(), "ledger_grant_short");
}
