//! Placing and releasing, one at a time.

use chrono::TimeDelta;
use record::id;
use sqlx::PgPool;

use super::{Desk, card, noon, run_of, seconds, stamp, usek};
use crate::{
    hold::{HoldError, HoldPart, PlaceError, ReleaseError, ReleaseReason},
    ledger,
    rate_card::{self, RateError},
};

#[sqlx::test(migrations = false)]
async fn a_hold_sets_time_and_money_aside(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 2_000_000).await;

    let placed = desk.place(&desk.request(&[grant_id], 400)).await.unwrap();

    assert_eq!(placed.usek, usek(400_000));
    let part = HoldPart { grant_id, gpu_seconds: seconds(400), usek: usek(400_000) };
    assert_eq!(placed.parts, [part]);
    assert_eq!(desk.time_of(grant_id).await, [600, 400, 0, 0]);
    assert_eq!(desk.money_of(grant_id).await, [1_600_000, 400_000, 0, 0]);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn the_same_request_again_changes_nothing_and_another_is_refused(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(500, 500_000).await;
    let request = desk.request(&[grant_id], 400);
    let placed = desk.place(&request).await.unwrap();

    // There is no room for a second one, so a repeat that was not recognised would be refused.
    assert_eq!(desk.place(&request).await.unwrap(), placed);
    let mut others = vec![request.clone(); 5];
    others[0].gpu_seconds = seconds(399);
    others[1].attempt_id = id::fresh();
    others[2].payer.project_id = id::fresh();
    others[3].expires_at += TimeDelta::seconds(1);
    others[4].grant_ids = Vec::new();
    for other in others {
        let refused = desk.place(&other).await.unwrap_err();
        assert!(matches!(refused, PlaceError::HoldIdReused(id) if id == request.hold_id));
    }
    assert_eq!(desk.time_of(grant_id).await, [100, 400, 0, 0]);
    assert_eq!(desk.count("entry where kind = 'held'").await, 2);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn a_hold_uses_up_the_oldest_grant_first(db: PgPool) {
    let desk = Desk::open(db).await;
    let (old, new) = (desk.grant(300, 300_000).await, desk.grant(1_000, 1_000_000).await);

    let placed = desk.place(&desk.request(&[old, new], 400)).await.unwrap();

    let part = |grant_id, time, money| HoldPart {
        grant_id,
        gpu_seconds: seconds(time),
        usek: usek(money),
    };
    assert_eq!(placed.parts, [part(old, 300, 300_000), part(new, 100, 100_000)]);
    assert_eq!(desk.time_of(old).await, [0, 300, 0, 0]);
    assert_eq!(desk.time_of(new).await, [900, 100, 0, 0]);
}

#[sqlx::test(migrations = false)]
async fn what_cannot_be_held_is_refused_by_name_and_leaves_nothing(db: PgPool) {
    let desk = Desk::open(db).await;
    let rich_in_money = desk.grant(100, 1_000_000).await;
    let rich_in_time = desk.grant(1_000, 100_000).await;
    let entries_before = desk.count("entry").await;
    let refusal = async |request| desk.place(&request).await.unwrap_err();

    assert!(matches!(refusal(desk.request(&[], 1)).await, PlaceError::NoGrant));
    let stranger = id::fresh();
    assert!(matches!(
        refusal(desk.request(&[stranger], 1)).await,
        PlaceError::NoSuchGrant(id) if id == stranger
    ));
    assert!(matches!(
        refusal(desk.request(&[rich_in_time, rich_in_time], 1)).await,
        PlaceError::GrantNamedTwice(_)
    ));
    assert!(matches!(refusal(desk.request(&[rich_in_time], 0)).await, PlaceError::NothingWanted));
    let mut late = desk.request(&[rich_in_time], 1);
    late.expires_at = noon();
    assert!(matches!(refusal(late).await, PlaceError::AlreadyExpired { .. }));
    let mut unpriced = desk.request(&[rich_in_time], 1);
    unpriced.rate_id = id::fresh();
    assert!(matches!(refusal(unpriced).await, PlaceError::Rate(RateError::NoSuchRate(_))));
    assert!(matches!(
        refusal(desk.request(&[rich_in_money], 101)).await,
        PlaceError::NotEnoughGpuSeconds { wanted, available }
            if (wanted, available) == (seconds(101), seconds(100))
    ));
    assert!(matches!(
        refusal(desk.request(&[rich_in_time], 101)).await,
        PlaceError::NotEnoughMoney { wanted, available }
            if (wanted, available) == (usek(101_000), usek(100_000))
    ));
    assert_eq!(desk.count("entry").await, entries_before);
    assert_eq!(desk.count("hold").await, 0);
}

#[sqlx::test(migrations = false)]
async fn an_attempt_has_one_open_hold_at_a_time(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let first = desk.request(&[grant_id], 100);
    desk.place(&first).await.unwrap();
    let mut second = desk.request(&[grant_id], 100);
    second.attempt_id = first.attempt_id;

    let refused = desk.place(&second).await.unwrap_err();
    assert!(matches!(refused, PlaceError::AttemptHasHold(id) if id == first.attempt_id));

    desk.release(first.hold_id, ReleaseReason::Expired).await.unwrap();
    desk.place(&second).await.unwrap();
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn a_hold_never_draws_on_two_funds(db: PgPool) {
    let desk = Desk::open(db).await;
    let public = desk.grant(100, 100_000).await;
    let research = Desk { fund_id: id::fresh(), pool_id: id::fresh(), ..desk.clone() };
    let mut tx = desk.db.begin().await.unwrap();
    ledger::open_fund(&mut tx, research.fund_id, usek(1_000_000), &stamp()).await.unwrap();
    ledger::open_pool(&mut tx, research.pool_id, seconds(1_000), &stamp()).await.unwrap();
    tx.commit().await.unwrap();
    let other = research.grant(100, 100_000).await;

    let refused = desk.place(&desk.request(&[public, other], 101)).await.unwrap_err();
    assert!(matches!(refused, PlaceError::FundsNeverMix { .. }));
    // One of them alone covers it, so there is nothing to mix.
    desk.place(&desk.request(&[public, other], 100)).await.unwrap();
    assert_eq!(desk.time_of(other).await, [100, 0, 0, 0]);
}

#[sqlx::test(migrations = false)]
async fn a_released_hold_gives_everything_back_once(db: PgPool) {
    let desk = Desk::open(db).await;
    let (old, new) = (desk.grant(300, 300_000).await, desk.grant(1_000, 1_000_000).await);
    let hold_id = desk.hold(&[old, new], 400).await;

    let released = desk.release(hold_id, ReleaseReason::NeverRan).await.unwrap();
    assert_eq!((released.gpu_seconds, released.usek), (seconds(400), usek(400_000)));
    assert_eq!(desk.release(hold_id, ReleaseReason::NeverRan).await.unwrap(), released);
    assert_eq!(desk.time_of(old).await, [300, 0, 0, 0]);
    assert_eq!(desk.money_of(new).await, [1_000_000, 0, 0, 0]);

    let refused = desk.release(hold_id, ReleaseReason::Cancelled).await.unwrap_err();
    assert!(matches!(refused, ReleaseError::Hold(HoldError::AlreadyClosed { .. })));
    let settled = desk.hold(&[new], 10).await;
    desk.settle(settled, &[run_of(5)]).await.unwrap();
    let refused = desk.release(settled, ReleaseReason::Cancelled).await.unwrap_err();
    assert!(matches!(refused, ReleaseError::Hold(HoldError::AlreadyClosed { .. })));
    let refused = desk.release(id::fresh(), ReleaseReason::Cancelled).await.unwrap_err();
    assert!(matches!(refused, ReleaseError::NoSuchHold(_)));
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn a_price_change_never_touches_an_open_hold(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 400_000).await;
    let hold_id = desk.hold(&[grant_id], 400).await;
    let mut tx = desk.db.begin().await.unwrap();
    let dearer = card(noon() - TimeDelta::days(1), 36_000_000);
    rate_card::publish(&mut tx, &dearer, &stamp()).await.unwrap();
    let now_quoted = rate_card::rate_for(&mut tx, "h200", "gpu", "any", noon()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(now_quoted.price_usek_per_gpu_hour, 36_000_000);

    let settled = desk.settle(hold_id, &[run_of(400)]).await.unwrap();

    assert_eq!((settled.usek, settled.overrun), (usek(400_000), seconds(0)));
    desk.balances().await;
}

/// The second defence of the rule, on its own: whoever writes, the row refuses.
#[sqlx::test(migrations = false)]
async fn the_check_refuses_what_no_code_looked_at(db: PgPool) {
    let desk = Desk::open(db).await;
    let (pool_id, fund_id) = (desk.pool_id, desk.fund_id);
    let grant_id = desk.grant(100, 100_000).await;
    for (owner_id, kind, constraint) in [
        (grant_id, "free", "grant_never_oversold"),
        (grant_id, "held", "held_never_negative"),
        (grant_id, "settled", "settled_never_negative"),
        (pool_id, "pool", "pool_never_overgranted"),
        (fund_id, "fund", "fund_never_overgranted"),
    ] {
        let refused = sqlx::query(
            "update accounting.balance b set amount = -1 from accounting.account a
             where a.account_id = b.account_id and a.owner_id = $1 and a.kind::text = $2",
        )
        .bind(owner_id)
        .bind(kind)
        .execute(&desk.db)
        .await
        .unwrap_err();
        assert!(super::super::broke(&refused, constraint), "{refused}");
    }
}
