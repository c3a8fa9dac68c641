//! Funds, pools and grants, and what verifying finds.

use record::id;
use sqlx::PgPool;
use uuid::Uuid;

use super::{Desk, run_of, seconds, stamp, usek};
use crate::ledger::{self, AccountKind, LedgerError, Mismatch, OpenGrant, Unit};

async fn amount(desk: &Desk, owner_id: Uuid, kind: &str) -> i64 {
    sqlx::query_scalar(
        "select b.amount from accounting.balance b
         join accounting.account a on a.account_id = b.account_id
         where a.owner_id = $1 and a.kind::text = $2 and a.unit <> 'micro_sek'
             or a.owner_id = $1 and a.kind::text = $2 and a.kind = 'fund'",
    )
    .bind(owner_id)
    .bind(kind)
    .fetch_one(&desk.db)
    .await
    .unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_grant_takes_its_time_from_the_pool_and_its_money_from_the_fund(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 2_000_000).await;

    assert_eq!(amount(&desk, desk.pool_id, "pool").await, 1_000_000_000 - 1_000);
    assert_eq!(amount(&desk, desk.fund_id, "fund").await, 1_000_000_000_000 - 2_000_000);
    let balance = desk.balance(grant_id).await;
    assert_eq!((balance.granted, balance.granted_usek), (seconds(1_000), usek(2_000_000)));
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn opening_again_changes_nothing_and_opening_otherwise_is_refused(db: PgPool) {
    let desk = Desk::open(db).await;
    let mut tx = desk.db.begin().await.unwrap();
    let (fund_id, pool_id) = (desk.fund_id, desk.pool_id);
    ledger::open_fund(&mut tx, fund_id, usek(1_000_000_000_000), &stamp()).await.unwrap();
    ledger::open_pool(&mut tx, pool_id, seconds(1_000_000_000), &stamp()).await.unwrap();
    let refused = ledger::open_fund(&mut tx, fund_id, usek(1), &stamp()).await.unwrap_err();
    assert!(matches!(refused, LedgerError::FundIdReused(id) if id == fund_id));
    let refused = ledger::open_pool(&mut tx, pool_id, seconds(1), &stamp()).await.unwrap_err();
    assert!(matches!(refused, LedgerError::PoolIdReused(id) if id == pool_id));
    tx.commit().await.unwrap();

    let grant_id = id::fresh();
    let request =
        OpenGrant { grant_id, pool_id, fund_id, gpu_seconds: seconds(10), usek: usek(10) };
    desk.try_grant(&request).await.unwrap();
    desk.try_grant(&request).await.unwrap();
    let other = OpenGrant { usek: usek(11), ..request };
    let refused = desk.try_grant(&other).await.unwrap_err();
    assert!(matches!(refused, LedgerError::GrantIdReused(id) if id == grant_id));
    assert_eq!(amount(&desk, pool_id, "pool").await, 1_000_000_000 - 10);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn a_grant_above_the_pool_or_the_fund_is_refused(db: PgPool) {
    let desk = Desk::open(db).await;
    let (fund_id, pool_id) = (desk.fund_id, desk.pool_id);
    let ask = |gpu_seconds, money| OpenGrant {
        grant_id: id::fresh(),
        pool_id,
        fund_id,
        gpu_seconds: seconds(gpu_seconds),
        usek: usek(money),
    };

    let refused = desk.try_grant(&ask(1_000_000_001, 1)).await.unwrap_err();
    assert!(matches!(refused, LedgerError::PoolShort { available, .. }
        if available == seconds(1_000_000_000)));
    let refused = desk.try_grant(&ask(1, 1_000_000_000_001)).await.unwrap_err();
    assert!(matches!(refused, LedgerError::FundShort { available, .. }
        if available == usek(1_000_000_000_000)));
    let stranger = OpenGrant { fund_id: id::fresh(), ..ask(1, 1) };
    let refused = desk.try_grant(&stranger).await.unwrap_err();
    assert!(matches!(refused, LedgerError::NoSuchFund(id) if id == stranger.fund_id));
    let stranger = OpenGrant { pool_id: id::fresh(), ..ask(1, 1) };
    let refused = desk.try_grant(&stranger).await.unwrap_err();
    assert!(matches!(refused, LedgerError::NoSuchPool(id) if id == stranger.pool_id));
    let mut tx = desk.db.acquire().await.unwrap();
    let refused = ledger::balance_of_grant(&mut tx, stranger.grant_id).await.unwrap_err();
    assert!(matches!(refused, LedgerError::NoSuchGrant(_)));
    assert_eq!(desk.count("grant_opening").await, 0);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn a_pool_never_serves_a_second_fund(db: PgPool) {
    let desk = Desk::open(db).await;
    desk.grant(10, 10).await; // Binds the pool to the fund.
    let research = id::fresh();
    let mut tx = desk.db.begin().await.unwrap();
    ledger::open_fund(&mut tx, research, usek(1_000), &stamp()).await.unwrap();
    ledger::bind_pool(&mut tx, desk.pool_id, desk.fund_id, &stamp()).await.unwrap();
    let refused = ledger::bind_pool(&mut tx, desk.pool_id, research, &stamp()).await.unwrap_err();
    assert!(matches!(refused, LedgerError::FundsNeverMix { .. }));
    tx.commit().await.unwrap();

    let mixed = OpenGrant {
        grant_id: id::fresh(),
        pool_id: desk.pool_id,
        fund_id: research,
        gpu_seconds: seconds(1),
        usek: usek(1),
    };
    let refused = desk.try_grant(&mixed).await.unwrap_err();
    assert!(matches!(refused, LedgerError::FundsNeverMix { pool_fund_id, fund_id, .. }
        if (pool_fund_id, fund_id) == (desk.fund_id, research)));

    // The second defence: the row itself refuses.
    let refused = sqlx::query("insert into accounting.grant_opening values ($1, $2, $3, 1, 1, $4)")
        .bind(mixed.grant_id)
        .bind(mixed.pool_id)
        .bind(mixed.fund_id)
        .bind(stamp().now)
        .execute(&desk.db)
        .await
        .unwrap_err();
    assert!(super::super::broke(&refused, "funds_never_mix"), "{refused}");
}

#[sqlx::test(migrations = false)]
async fn a_balance_changed_by_hand_is_found(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    desk.hold(&[grant_id], 100).await;
    desk.balances().await;

    sqlx::query(
        "update accounting.balance b set amount = amount + 1 from accounting.account a
         where a.account_id = b.account_id and a.owner_id = $1 and a.kind = 'free'
             and a.unit = 'gpu_seconds'",
    )
    .bind(grant_id)
    .execute(&desk.db)
    .await
    .unwrap();

    let found = ledger::verify(&desk.db).await.unwrap();
    let [imbalance, again] = &found[..] else { panic!("{found:?}") };
    // Neither what moved nor what was granted explains it.
    assert_eq!((imbalance.mismatch, again.mismatch), (Mismatch::Entries, Mismatch::Moves));
    assert_eq!((imbalance.owner_id, imbalance.kind), (grant_id, AccountKind::Free));
    assert_eq!(imbalance.unit, Unit::GpuSeconds);
    assert_eq!((imbalance.recorded, imbalance.recomputed), (Some(901), 900));
    assert_eq!(
        imbalance.to_string(),
        format!("the Free account of {grant_id} says 901 GPU-seconds and its entries say 900")
    );
}

#[sqlx::test(migrations = false)]
async fn a_hold_or_a_charge_changed_by_hand_is_found(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    desk.hold(&[grant_id], 100).await;
    let settled = desk.hold(&[grant_id], 100).await;
    desk.settle(settled, &[run_of(60)]).await.unwrap();
    desk.balances().await;

    sqlx::query("update accounting.charge set usek = usek + 1").execute(&desk.db).await.unwrap();
    sqlx::query("update accounting.hold_part set gpu_seconds = 1").execute(&desk.db).await.unwrap();

    let found = ledger::verify(&desk.db).await.unwrap();
    let found: Vec<_> = found.iter().map(|found| (found.mismatch, found.unit)).collect();
    assert_eq!(
        found,
        [
            (Mismatch::OpenHolds, Unit::GpuSeconds),
            (Mismatch::HoldParts, Unit::GpuSeconds),
            (Mismatch::Charges, Unit::MicroSek),
        ]
    );
}
