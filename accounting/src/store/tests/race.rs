//! What happens at the same time.
//!
//! Each defence was taken away once, to see these tests notice; [`super::never_oversold`] takes them
//! away every time:
//!
//! - without `for update` where a hold reads its room, `racing_holds_never_oversell` still passes, because
//!   `grant_never_oversold` refuses the row; `the_losers_of_a_race_are_told_why` fails, because
//!   they meet the CHECK instead of a sentence;
//! - without the CHECK alone, the races pass and `the_check_refuses_what_no_code_looked_at` fails;
//! - without both, `racing_holds_never_oversell` fails: 11 holds are placed where 7 have room;
//! - with the locks in the order of the request, PostgreSQL reports a deadlock;
//! - without `run_charged_once`, one run is charged once per reader.

use sqlx::PgPool;
use tokio::task::JoinSet;

use super::{Desk, run_of, seconds};
use crate::hold::{HoldPlaced, PlaceError, Settled};

/// Twenty attempts at once for a grant that has room for seven.
async fn race_for_seven(
    desk: &Desk,
    grant_ids: &[uuid::Uuid],
) -> Vec<Result<HoldPlaced, PlaceError>> {
    let mut racers = JoinSet::new();
    for _ in 0..20 {
        let (desk, request) = (desk.clone(), desk.request(grant_ids, 100));
        racers.spawn(async move { desk.place(&request).await });
    }
    racers.join_all().await
}

#[sqlx::test(migrations = false)]
async fn racing_holds_never_oversell(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(799, 1_000_000).await;

    let outcomes = race_for_seven(&desk, &[grant_id]).await;

    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 7);
    assert_eq!(desk.time_of(grant_id).await, [99, 700, 0, 0]);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn racing_holds_never_oversell_the_money_either(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(10_000, 799_999).await;

    let outcomes = race_for_seven(&desk, &[grant_id]).await;

    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 7);
    assert_eq!(desk.money_of(grant_id).await, [99_999, 700_000, 0, 0]);
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn the_losers_of_a_race_are_told_why(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(799, 1_000_000).await;

    for outcome in race_for_seven(&desk, &[grant_id]).await {
        match outcome {
            Ok(_) => {}
            Err(PlaceError::NotEnoughGpuSeconds { available, .. }) => {
                assert_eq!(available, seconds(99));
            }
            Err(error) => panic!("a loser met {error:?}"),
        }
    }
}

/// The order of the locks is the grants' own, whatever order the requests name them in.
#[sqlx::test(migrations = false)]
async fn holds_over_the_same_grants_never_wait_in_a_circle(db: PgPool) {
    let desk = Desk::open(db).await;
    let (one, two) = (desk.grant(5_000, 5_000_000).await, desk.grant(5_000, 5_000_000).await);

    let mut racers = JoinSet::new();
    for racer in 0..40 {
        let grant_ids = if racer % 2 == 0 { [one, two] } else { [two, one] };
        let (desk, request) = (desk.clone(), desk.request(&grant_ids, 100));
        racers.spawn(async move { desk.place(&request).await });
    }

    for outcome in racers.join_all().await {
        outcome.unwrap();
    }
    desk.balances().await;
}

#[sqlx::test(migrations = false)]
async fn the_same_request_many_times_at_once_is_one_hold(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let request = desk.request(&[grant_id], 100);

    let mut racers = JoinSet::new();
    for _ in 0..10 {
        let (desk, request) = (desk.clone(), request.clone());
        racers.spawn(async move { desk.place(&request).await });
    }

    for outcome in racers.join_all().await {
        assert_eq!(outcome.unwrap().hold_id, request.hold_id);
    }
    assert_eq!(desk.time_of(grant_id).await, [900, 100, 0, 0]);
}

/// Ten watchers read the same record of slurmdbd, each with an id of its own for the run.
#[sqlx::test(migrations = false)]
async fn a_run_is_charged_once_whoever_reads_it(db: PgPool) {
    let desk = Desk::open(db).await;
    let grant_id = desk.grant(1_000, 1_000_000).await;
    let hold_id = desk.hold(&[grant_id], 100).await;
    let run = run_of(60);

    let mut racers = JoinSet::new();
    for _ in 0..10 {
        let (desk, mut run) = (desk.clone(), run.clone());
        run.run_id = record::id::fresh();
        racers.spawn(async move { desk.settle(hold_id, &[run]).await });
    }

    let expected = Settled {
        gpu_seconds: seconds(60),
        usek: super::usek(60_000),
        returned: seconds(40),
        overrun: seconds(0),
    };
    for outcome in racers.join_all().await {
        assert_eq!(outcome.unwrap(), expected);
    }
    assert_eq!(desk.time_of(grant_id).await, [940, 0, 60, 0]);
    assert_eq!(desk.count("charge").await, 1);
    desk.balances().await;
}
