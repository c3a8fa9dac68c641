//! Settling: what is charged, what goes back, and what nobody had room for.

use record::{MicroSek, id};
use sqlx::PgPool;

use super::{Desk, run_of, seconds, usek};
use crate::hold::{ReleaseReason, SettleError, Settled};

fn settled(gpu_seconds: i64, money: i64, returned: i64, overrun: i64) -> Settled {
    Settled {
        gpu_seconds: seconds(gpu_seconds),
        usek: usek(money),
        returned: seconds(returned),
        overrun: seconds(overrun),
    }
}

#[sqlx::test(migrations = false)]
async fn a_job_that_uses_half_its_hold_gets_the_rest_back(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 400).await;

    let answer = desk.settle(hold_id, &[run_of(200)]).await.unwrap();

    assert_eq!(answer, settled(200, 200_000, 200, 0));
    assert_eq!(desk.time_of(grant_id).await, [800, 0, 200, 0]);
    assert_eq!(desk.money_of(grant_id).await, [800_000, 0, 200_000, 0]);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn each_incarnation_of_a_job_is_charged(db: PgPool) {
    let desk = Desk::open(db).await;
    let (old, new) = (desk.grant(150, 150_000).await, desk.grant(1_000, 1_000_000).await);
    let hold_id = desk.hold(&[old, new], 400).await;

    let answer = desk.settle(hold_id, &[run_of(100), run_of(120)]).await.unwrap();

    assert_eq!(answer, settled(220, 220_000, 180, 0));
    assert_eq!(desk.time_of(old).await, [0, 0, 150, 0]);
    assert_eq!(desk.time_of(new).await, [930, 0, 70, 0]);
    // One run fits the old grant, the other is shared by both.
    assert_eq!(desk.count("charge").await, 3);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn settling_again_changes_nothing_even_under_another_run_id(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 400).await;
    let run = run_of(200);
    let first = desk.settle(hold_id, &[run.clone(), run.clone()]).await.unwrap();

    let mut read_again = run.clone();
    read_again.run_id = id::fresh();
    assert_eq!(desk.settle(hold_id, &[run]).await.unwrap(), first);
    assert_eq!(desk.settle(hold_id, &[read_again]).await.unwrap(), first);

    assert_eq!(first, settled(200, 200_000, 200, 0));
    assert_eq!((desk.count("run").await, desk.count("charge").await), (1, 1));
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn a_run_told_differently_is_refused_by_name(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let (hold_id, other_hold_id) =
        (desk.hold(&[grant_id], 100).await, desk.hold(&[grant_id], 100).await);
    let run = run_of(60);
    desk.settle(hold_id, std::slice::from_ref(&run)).await.unwrap();

    let mut longer = run.clone();
    longer.gpu_seconds = seconds(61);
    let refused = desk.settle(hold_id, &[longer]).await.unwrap_err();
    assert!(
        matches!(refused, SettleError::RunDiffers { db_index, .. } if db_index == run.db_index)
    );
    let refused = desk.settle(other_hold_id, std::slice::from_ref(&run)).await.unwrap_err();
    assert!(matches!(refused, SettleError::RunDiffers { .. }));
    let mut another = run_of(60);
    another.run_id = run.run_id;
    let refused = desk.settle(other_hold_id, &[another]).await.unwrap_err();
    assert!(matches!(refused, SettleError::RunIdReused(id) if id == run.run_id));
    let mut backwards = run_of(60);
    backwards.ended_at = backwards.started_at - chrono::TimeDelta::seconds(1);
    let refused = desk.settle(other_hold_id, &[backwards]).await.unwrap_err();
    assert!(matches!(refused, SettleError::Malformed { .. }));
    let refused = desk.settle(other_hold_id, &[]).await.unwrap_err();
    assert!(matches!(refused, SettleError::NoRuns(_)));
    let refused = desk.settle(id::fresh(), &[run]).await.unwrap_err();
    assert!(matches!(refused, SettleError::NoSuchHold(_)));

    assert_eq!(desk.time_of(grant_id).await, [840, 100, 60, 0]);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn use_above_the_hold_takes_the_grants_free_time(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;

    let answer = desk.settle(hold_id, &[run_of(130)]).await.unwrap();

    assert_eq!(answer, settled(130, 130_000, 0, 0));
    assert_eq!(desk.time_of(grant_id).await, [870, 0, 130, 0]);
    assert_eq!(desk.count("charge").await, 1);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn use_that_no_grant_has_room_for_is_overrun_not_clipped(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(110, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;

    let answer = desk.settle(hold_id, &[run_of(130)]).await.unwrap();

    assert_eq!(answer, settled(110, 110_000, 0, 20));
    assert_eq!(desk.time_of(grant_id).await, [0, 0, 110, 20]);
    assert_eq!(desk.money_of(grant_id).await, [890_000, 0, 110_000, 20_000]);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn use_that_no_grant_has_money_for_is_overrun_too(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 110_500).await;
    let hold_id = desk.hold(&[grant_id], 100).await;

    let answer = desk.settle(hold_id, &[run_of(130)]).await.unwrap();

    assert_eq!(answer, settled(110, 110_000, 0, 20));
    assert_eq!(desk.time_of(grant_id).await, [890, 0, 110, 20]);
    assert_eq!(desk.money_of(grant_id).await, [500, 0, 110_000, 20_000]);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn what_the_machine_broke_is_recorded_and_not_charged(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 400).await;
    let (mut broken, mut unbooted, mut excused) = (run_of(100), run_of(20), run_of(30));
    broken.state = "NODE_FAIL".to_owned();
    unbooted.state = "BOOT_FAIL".to_owned();
    excused.chargeable = false;

    let answer = desk.settle(hold_id, &[broken, unbooted, excused, run_of(50)]).await.unwrap();

    assert_eq!(answer, settled(50, 50_000, 350, 0));
    assert_eq!(desk.time_of(grant_id).await, [950, 0, 50, 0]);
    assert_eq!(desk.count("run").await, 4);
    assert_eq!(desk.count("run where not chargeable").await, 3);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn a_run_that_comes_to_light_late_is_charged_all_the_same(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(200, 200_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    let run = run_of(80);
    desk.settle(hold_id, std::slice::from_ref(&run)).await.unwrap();
    let never_ran = desk.hold(&[grant_id], 100).await;
    desk.release(never_ran, ReleaseReason::NeverRan).await.unwrap();

    let answer = desk.settle(hold_id, &[run, run_of(70)]).await.unwrap();
    assert_eq!(answer, settled(150, 150_000, 20, 0));
    // 50 are left, and the run of a hold that was given back used 60.
    let answer = desk.settle(never_ran, &[run_of(60)]).await.unwrap();
    assert_eq!(answer, settled(50, 50_000, 100, 10));

    assert_eq!(desk.time_of(grant_id).await, [0, 0, 200, 10]);
    desk.balances().await;
}

/// At a price that never comes out even, the runs of a hold together cost what the hold was quoted.
#[sqlx::test(migrations = false)]
async fn many_short_runs_never_cost_more_than_the_hold(db: PgPool) {
    let desk = Desk::open(db).await;
    let mut tx = desk.db.begin().await.unwrap();
    // Half a µSEK a second: rounded one by one, every run of one second would cost a whole one.
    let odd = super::card(super::noon(), 1_800);
    crate::rate_card::publish(&mut tx, &odd, &super::stamp()).await.unwrap();
    tx.commit().await.unwrap();
    let grant_id = desk.grant(10, 5).await;
    let mut request = desk.request(&[grant_id], 10);
    request.rate_id = odd.rates[0].rate_id;
    let placed = desk.place(&request).await.unwrap();
    assert_eq!(placed.usek, usek(5));

    let runs: Vec<_> = (0..10).map(|_| run_of(1)).collect();
    let answer = desk.settle(placed.hold_id, &runs).await.unwrap();

    assert_eq!(answer, settled(10, 5, 0, 0));
    assert_eq!(desk.money_of(grant_id).await, [0, 0, MicroSek::get(usek(5)), 0]);
    desk.balances().await;
}
