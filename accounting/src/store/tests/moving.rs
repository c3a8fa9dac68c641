//! Grants after their opening: topped up, given back, expired, transferred, carried over; and pools
//! that give more than they have.

use record::id;
use sqlx::PgPool;
use uuid::Uuid;

use super::{Desk, run_of, seconds, stamp, usek};
use crate::{
    hold::ReleaseReason,
    ledger::{self, GrantMove, GrantTransfer, LedgerError, OpenGrant},
};

fn part(grant_id: Uuid, time: i64, money: i64) -> GrantMove {
    GrantMove { transfer_id: id::fresh(), grant_id, gpu_seconds: seconds(time), usek: usek(money) }
}

fn between(from_grant_id: Uuid, to_grant_id: Uuid, time: i64, money: i64) -> GrantTransfer {
    GrantTransfer {
        transfer_id: id::fresh(),
        from_grant_id,
        to_grant_id,
        gpu_seconds: seconds(time),
        usek: usek(money),
    }
}

/// What a fund or a pool has left.
async fn left(desk: &Desk, owner_id: Uuid) -> i64 {
    sqlx::query_scalar(
        "select b.amount from accounting.balance b
         join accounting.account a on a.account_id = b.account_id
         where a.owner_id = $1 and a.kind in ('fund', 'pool')",
    )
    .bind(owner_id)
    .fetch_one(&desk.db)
    .await
    .unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_grant_is_topped_up_from_its_pool_and_fund_and_gives_back_to_them(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(100, 100_000).await;
    let (pool_left, fund_left) = (left(&desk, desk.pool_id).await, left(&desk, desk.fund_id).await);
    let mut tx = desk.db.begin().await.unwrap();

    let more = part(grant_id, 50, 7);
    ledger::top_up(&mut tx, &more, &stamp()).await.unwrap();
    ledger::top_up(&mut tx, &more, &stamp()).await.unwrap();
    let less = part(grant_id, 150, 100_007);
    ledger::give_back(&mut tx, &less, &stamp()).await.unwrap();
    ledger::give_back(&mut tx, &less, &stamp()).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(desk.time_of(grant_id).await, [0, 0, 0, 0]);
    assert_eq!(desk.balance(grant_id).await.granted, seconds(0));
    assert_eq!(left(&desk, desk.pool_id).await, pool_left + 100);
    assert_eq!(left(&desk, desk.fund_id).await, fund_left + 100_000);
    assert_eq!(desk.count("grant_move").await, 2);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn what_is_held_or_settled_stays_when_a_grant_gives_back_or_expires(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let (used, open) = (desk.hold(&[grant_id], 100).await, desk.hold(&[grant_id], 300).await);
    desk.settle(used, &[run_of(60)]).await.unwrap();
    let mut tx = desk.db.begin().await.unwrap();

    let refused = ledger::give_back(&mut tx, &part(grant_id, 641, 0), &stamp()).await.unwrap_err();
    assert!(matches!(refused, LedgerError::GrantShort { wanted, available, .. }
        if (wanted, available) == (seconds(641), seconds(640))));
    let refused =
        ledger::give_back(&mut tx, &part(grant_id, 1, 640_001), &stamp()).await.unwrap_err();
    assert!(matches!(refused, LedgerError::GrantShortOfMoney { .. }));

    let expiry = id::fresh();
    let expired = ledger::expire(&mut tx, expiry, grant_id, &stamp()).await.unwrap();
    assert_eq!((expired.gpu_seconds, expired.usek), (seconds(640), usek(640_000)));
    tx.commit().await.unwrap();
    assert_eq!(desk.time_of(grant_id).await, [0, 300, 60, 0]);

    // What comes back later is for another expiry; the first one tells what it told.
    desk.release(open, ReleaseReason::Cancelled).await.unwrap();
    let mut tx = desk.db.begin().await.unwrap();
    assert_eq!(ledger::expire(&mut tx, expiry, grant_id, &stamp()).await.unwrap(), expired);
    let again = ledger::expire(&mut tx, id::fresh(), grant_id, &stamp()).await.unwrap();
    assert_eq!((again.gpu_seconds, again.usek), (seconds(300), usek(300_000)));
    let nothing = ledger::expire(&mut tx, id::fresh(), grant_id, &stamp()).await.unwrap();
    assert_eq!((nothing.gpu_seconds, nothing.usek), (seconds(0), usek(0)));
    tx.commit().await.unwrap();
    assert_eq!(desk.balance(grant_id).await.granted, seconds(60));
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn a_transfer_stays_within_its_fund(db: PgPool) {
    let desk = Desk::open(db).await;
    let (rich, poor) = (desk.grant(100, 100_000).await, desk.grant(1, 1).await);
    let research = Desk { fund_id: id::fresh(), pool_id: id::fresh(), ..desk.clone() };
    let mut tx = desk.db.begin().await.unwrap();
    ledger::open_fund(&mut tx, research.fund_id, usek(10), &stamp()).await.unwrap();
    ledger::open_pool(&mut tx, research.pool_id, seconds(10), &stamp()).await.unwrap();
    tx.commit().await.unwrap();
    let foreign = research.grant(10, 10).await;

    let mut tx = desk.db.begin().await.unwrap();
    let transfer = between(rich, poor, 100, 40);
    ledger::transfer(&mut tx, &transfer, &stamp()).await.unwrap();
    ledger::transfer(&mut tx, &transfer, &stamp()).await.unwrap();
    let mut refusal =
        async |transfer| ledger::transfer(&mut tx, &transfer, &stamp()).await.unwrap_err();
    let other = GrantTransfer { usek: usek(41), ..transfer };
    assert!(matches!(refusal(other).await, LedgerError::TransferIdReused(id)
        if id == transfer.transfer_id));
    let mixed = refusal(between(poor, foreign, 1, 1)).await;
    assert!(matches!(mixed, LedgerError::TransferMixesFunds { from_fund_id, to_fund_id, .. }
        if (from_fund_id, to_fund_id) == (desk.fund_id, research.fund_id)));
    assert!(matches!(refusal(between(poor, poor, 1, 1)).await, LedgerError::SameGrant(_)));
    assert!(matches!(refusal(between(poor, rich, 0, 0)).await, LedgerError::NothingToMove(_)));
    assert!(matches!(refusal(between(rich, poor, 1, 0)).await, LedgerError::GrantShort { .. }));
    let stranger = id::fresh();
    assert!(matches!(refusal(between(poor, stranger, 1, 1)).await, LedgerError::NoSuchGrant(id)
        if id == stranger));
    tx.commit().await.unwrap();
    assert_eq!(desk.time_of(poor).await, [101, 0, 0, 0]);
    assert_eq!(desk.money_of(rich).await, [99_960, 0, 0, 0]);
    desk.balances().await;

    // The second defence: the row itself refuses.
    let refused = sqlx::query(
        "insert into accounting.grant_move values ($1, 'transfer', $2, $3, $4, 1, 1, $5)",
    )
    .bind(id::fresh())
    .bind(desk.fund_id)
    .bind(poor)
    .bind(foreign)
    .bind(stamp().now)
    .execute(&desk.db)
    .await
    .unwrap_err();
    assert!(super::super::broke(&refused, "grant_move_enters_its_fund"), "{refused}");
}

#[sqlx::test(migrations = false)]
async fn what_expired_is_carried_over_once_and_never_more(db: PgPool) {
    let desk = Desk::open(db).await;
    let (old, new) = (desk.grant(100, 100_000).await, desk.grant(1, 1).await);
    let mut tx = desk.db.begin().await.unwrap();
    let early = between(old, new, 1, 1);
    let refused = ledger::carry_over(&mut tx, &early, &stamp()).await.unwrap_err();
    assert!(matches!(refused, LedgerError::CarryOverAboveExpired { expired, .. }
        if expired == seconds(0)));
    ledger::expire(&mut tx, id::fresh(), old, &stamp()).await.unwrap();
    let refused =
        ledger::carry_over(&mut tx, &between(old, new, 100, 100_001), &stamp()).await.unwrap_err();
    assert!(matches!(refused, LedgerError::CarryOverAboveExpired { expired_usek, .. }
        if expired_usek == usek(100_000)));

    let half = between(old, new, 50, 50_000);
    ledger::carry_over(&mut tx, &half, &stamp()).await.unwrap();
    ledger::carry_over(&mut tx, &half, &stamp()).await.unwrap();
    let refused =
        ledger::carry_over(&mut tx, &between(old, new, 1, 1), &stamp()).await.unwrap_err();
    assert!(matches!(refused, LedgerError::AlreadyCarriedOver { transfer_id, .. }
        if transfer_id == half.transfer_id));
    tx.commit().await.unwrap();
    assert_eq!(desk.time_of(new).await, [51, 0, 0, 0]);
    assert_eq!(left(&desk, desk.pool_id).await, 1_000_000_000 - 51);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn a_pool_gives_more_than_it_has_only_by_a_stated_amount(db: PgPool) {
    let desk = Desk::open(db).await;
    let (pool_id, fund_id) = (desk.pool_id, desk.fund_id);
    let all = OpenGrant {
        grant_id: id::fresh(),
        pool_id,
        fund_id,
        gpu_seconds: seconds(1_000_000_100),
        usek: usek(1),
    };
    assert!(matches!(desk.try_grant(&all).await, Err(LedgerError::PoolShort { .. })));
    let mut tx = desk.db.begin().await.unwrap();
    let transfer_id = id::fresh();
    ledger::over_allocate(&mut tx, pool_id, transfer_id, seconds(100), &stamp()).await.unwrap();
    ledger::over_allocate(&mut tx, pool_id, transfer_id, seconds(100), &stamp()).await.unwrap();
    let refused =
        ledger::over_allocate(&mut tx, pool_id, transfer_id, seconds(101), &stamp()).await;
    assert!(matches!(refused, Err(LedgerError::TransferIdReused(id)) if id == transfer_id));
    let refused = ledger::over_allocate(&mut tx, pool_id, id::fresh(), seconds(0), &stamp()).await;
    assert!(matches!(refused, Err(LedgerError::NothingToMove(_))));
    let refused = ledger::over_allocate(&mut tx, fund_id, id::fresh(), seconds(1), &stamp()).await;
    assert!(matches!(refused, Err(LedgerError::NoSuchPool(id)) if id == fund_id));
    // The pool's size is still what it was opened with.
    ledger::open_pool(&mut tx, pool_id, seconds(1_000_000_000), &stamp()).await.unwrap();
    tx.commit().await.unwrap();
    desk.try_grant(&all).await.unwrap();
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn many_grants_are_read_at_once(db: PgPool) {
    let desk = Desk::open(db).await;
    let (used, idle) = (desk.grant(100, 1_000_000).await, desk.grant(7, 7).await);
    let hold_id = desk.hold(&[used], 100).await;
    let mut lost = run_of(40);
    lost.state = "NODE_FAIL".to_owned();
    let runs = [run_of(120), lost];
    desk.settle(hold_id, &runs).await.unwrap();
    let mut tx = desk.db.begin().await.unwrap();

    let asked = [used, idle, id::fresh()];
    let balances = ledger::balances_of_grants(&mut tx, &asked).await.unwrap();
    assert_eq!(balances.len(), 2);
    assert_eq!(balances[&used], desk.balance(used).await);
    assert_eq!((balances[&used].settled, balances[&used].overrun), (seconds(100), seconds(20)));
    assert_eq!(balances[&idle].available_usek, usek(7));

    let uses = ledger::use_of_grants(&mut tx, &asked).await.unwrap();
    assert_eq!(uses.len(), 2);
    // Settled + overrun + not charged is what slurmdbd has: 120 + 40.
    let of = uses[&used];
    assert_eq!((of.granted, of.settled), (seconds(100), seconds(100)));
    assert_eq!((of.overrun, of.not_charged, of.held), (seconds(20), seconds(40), seconds(0)));
    assert_eq!(uses[&idle].granted, seconds(7));
}
