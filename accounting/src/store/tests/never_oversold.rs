//! One grant with room for exactly so many holds, 64 clients, and somebody who looks all the while.
//!
//! Every client places, cancels and settles (within the hold, exactly, above it) as its dice say;
//! the checker reads committed balances every few milliseconds. The same race runs three times:
//!
//! - with both defences nothing is ever above either ceiling, and nobody meets the CHECK;
//! - without the row lock the named CHECK `grant_never_oversold` refuses, and still nothing is;
//! - without both the checker does see an oversold grant, so that the first two prove something.
//!
//! The choices of each attempt come from a seed, which is printed; `SEED=…` repeats them. What the
//! scheduler makes of them is the race.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{Executor, PgPool, postgres::PgPoolOptions};
use tokio::{sync::Barrier, task::JoinSet, time::MissedTickBehavior};
use uuid::Uuid;

use super::{
    Desk,
    dice::{self, Dice},
    run_of, unlocked,
};
use crate::{
    hold::{PlaceError, ReleaseError, ReleaseReason, SettleError},
    store::broke,
};

const CLIENTS: usize = 64;

/// How many holds the grant has room for, in both units exactly.
const ROOM: i64 = 40;

/// The time of one hold; it costs a thousand times as much.
const HOLD: i64 = 100;

/// Which defences stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Defences {
    LockAndCheck,
    CheckAlone,
    None,
}

/// What the clients met.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    placed: u64,
    told_why: u64,
    check: u64,
    /// Without the lock, two statements may want the same rows in two orders.
    deadlock: u64,
    /// Without the CHECK, an oversold grant has less than nothing free, which no request accepts.
    contradiction: u64,
}

/// What the checker saw.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    looks: u64,
    oversold: u64,
    /// The most that was held and settled above a ceiling, in either unit.
    worst: i64,
}

#[derive(Clone)]
struct Race {
    desk: Desk,
    grant_id: Uuid,
    defences: Defences,
    seed: u64,
    next_attempt: Arc<AtomicU64>,
    attempts: u64,
}

#[sqlx::test(migrations = false)]
async fn a_race_of_64_clients_never_oversells_a_grant(db: PgPool) {
    let (race, met, seen) = run(db, Defences::LockAndCheck, 10_000).await;

    assert_eq!((seen.oversold, seen.worst), (0, 0), "{seen:?}");
    assert_eq!((met.check, met.deadlock, met.contradiction), (0, 0, 0), "{met:?}");
    assert!(met.placed > 500 && met.told_why > 500 && seen.looks > 500, "{met:?} {seen:?}");
    race.balances().await;
}

#[sqlx::test(migrations = false)]
async fn without_the_row_lock_the_check_refuses(db: PgPool) {
    let (race, met, seen) = run(db, Defences::CheckAlone, 1_500).await;

    assert_eq!((seen.oversold, seen.worst), (0, 0), "{seen:?}");
    assert!(met.check > 0, "nobody met grant_never_oversold: {met:?}");
    race.balances().await;
}

#[sqlx::test(migrations = false)]
async fn without_lock_and_check_the_checker_sees_an_oversold_grant(db: PgPool) {
    let (_, met, seen) = run(db, Defences::None, 500).await;

    assert!(seen.oversold > 0 && seen.worst > 0, "it must be able to fail: {met:?} {seen:?}");
}

/// Lets the clients race until so many attempts were made and every hold is closed.
async fn run(db: PgPool, defences: Defences, attempts: u64) -> (Race, Met, Seen) {
    let desk = Desk::open(db.clone()).await;
    let grant_id = desk.grant(ROOM * HOLD, ROOM * HOLD * 1_000).await;
    if defences == Defences::None {
        db.execute("alter table accounting.balance drop constraint grant_never_oversold")
            .await
            .unwrap();
    }
    let clients = u32::try_from(CLIENTS).unwrap();
    let crowd = PgPoolOptions::new()
        .max_connections(clients + 1)
        .acquire_timeout(Duration::from_secs(60))
        .test_before_acquire(false)
        .after_connect(|connection, _| {
            Box::pin(async move {
                // Without the lock statements meet on the rows they write. Written in one order, by
                // index, they mostly wait for each other; else the deadlock shows soon.
                let settings = "set enable_seqscan = off; set enable_hashjoin = off;
                     set enable_mergejoin = off; set deadlock_timeout = '20ms'";
                connection.execute(settings).await?;
                Ok(())
            })
        })
        .connect_with((*db.connect_options()).clone())
        .await
        .unwrap();
    let race = Race {
        desk: Desk { db: crowd, ..desk },
        grant_id,
        defences,
        seed: dice::seed(),
        next_attempt: Arc::new(AtomicU64::new(0)),
        attempts,
    };
    let over = Arc::new(AtomicBool::new(false));
    let checker = tokio::spawn(look(race.clone(), over.clone()));
    let start = Arc::new(Barrier::new(CLIENTS));
    let mut crowd = JoinSet::new();
    for _ in 0..CLIENTS {
        let (race, start) = (race.clone(), start.clone());
        crowd.spawn(async move {
            start.wait().await;
            match race.defences {
                Defences::LockAndCheck => race.client().await,
                Defences::CheckAlone | Defences::None => {
                    unlocked::without_the_lock(race.client()).await
                }
            }
        });
    }
    let met = crowd.join_all().await.into_iter().fold(Met::default(), Met::and);
    over.store(true, Ordering::Relaxed);
    let seen = checker.await.unwrap();
    println!("{met:?} {seen:?}");
    (race, met, seen)
}

/// Reads committed balances until the race is over: one query, so one instant each time.
async fn look(race: Race, over: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    let mut connection = race.desk.db.acquire().await.unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(5));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !over.load(Ordering::Relaxed) {
        let above: i64 = sqlx::query_scalar(
            "select max(taken - ceiling)::bigint from (
                 select sum(b.amount) filter (where a.kind in ('held', 'settled')) as taken,
                     case a.unit when 'gpu_seconds' then g.gpu_seconds else g.usek end as ceiling
                 from accounting.account a
                 join accounting.balance b on b.account_id = a.account_id
                 join accounting.grant_opening g on g.grant_id = a.owner_id
                 where g.grant_id = $1
                 group by a.unit, g.gpu_seconds, g.usek) as unit",
        )
        .bind(race.grant_id)
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        seen.looks += 1;
        pace.tick().await; // So that looking does not slow down what is looked at.
        seen.oversold += u64::from(above > 0);
        seen.worst = seen.worst.max(above);
    }
    seen
}

impl Race {
    /// Makes attempts until there are no more to make, keeping each hold for a while.
    async fn client(&self) -> Met {
        let mut met = Met::default();
        let mut open: Vec<(Uuid, u64)> = Vec::new();
        loop {
            let attempt = self.next_attempt.fetch_add(1, Ordering::Relaxed);
            if attempt >= self.attempts {
                break;
            }
            let mut dice = Dice::new(self.seed, attempt);
            match self.desk.place(&self.desk.request(&[self.grant_id], HOLD)).await {
                Ok(placed) => {
                    met.placed += 1;
                    open.push((placed.hold_id, attempt));
                }
                Err(error) => met.refused(&error),
            }
            if dice.roll(3) > 0
                && let Some((hold_id, placed_by)) = open.pop()
            {
                self.close(hold_id, placed_by, &mut met).await;
            }
        }
        for (hold_id, attempt) in open {
            self.close(hold_id, attempt, &mut met).await;
        }
        met
    }

    /// Cancels or settles a hold as its attempt's dice say; again, if it lost a race without a lock.
    async fn close(&self, hold_id: Uuid, attempt: u64, met: &mut Met) {
        let mut dice = Dice::new(!self.seed, attempt);
        let run = match dice.roll(200) {
            0..10 => Some(run_of(dice.between(0, 30))),
            10 => Some(run_of(HOLD)),
            11 => Some(run_of(HOLD + dice.between(1, 30))),
            _ => None,
        };
        loop {
            let lost = match &run {
                None => match self.desk.release(hold_id, ReleaseReason::Cancelled).await {
                    Ok(_) => return,
                    Err(ReleaseError::Database(error)) => error,
                    Err(error) => panic!("{error:?}"),
                },
                Some(run) => match self.desk.settle(hold_id, std::slice::from_ref(run)).await {
                    Ok(_) => return,
                    Err(SettleError::Database(error)) => error,
                    Err(error) => panic!("{error:?}"),
                },
            };
            met.lost(&lost);
            if matches!(lost, sqlx::Error::Decode(_)) {
                return; // Less than nothing is free: the grant is oversold, and stays so.
            }
        }
    }

    /// At the end the ledger, the holds, the charges and the balances say the same.
    async fn balances(&self) {
        self.desk.balances().await;
        let [available, held, settled, _] = self.desk.time_of(self.grant_id).await;
        assert_eq!((available + settled, held), (ROOM * HOLD, 0));
        let [available, held, settled, _] = self.desk.money_of(self.grant_id).await;
        assert_eq!((available + settled, held), (ROOM * HOLD * 1_000, 0));
    }
}

impl Met {
    fn refused(&mut self, error: &PlaceError) {
        match error {
            PlaceError::NotEnoughGpuSeconds { .. } | PlaceError::NotEnoughMoney { .. } => {
                self.told_why += 1;
            }
            PlaceError::Database(error) => self.lost(error),
            error => panic!("{error:?}"),
        }
    }

    fn lost(&mut self, error: &sqlx::Error) {
        let code = error.as_database_error().and_then(|error| error.code());
        if broke(error, "grant_never_oversold") {
            self.check += 1;
        } else if code.as_deref() == Some("40P01") {
            self.deadlock += 1;
        } else if matches!(error, sqlx::Error::Decode(_)) {
            self.contradiction += 1;
        } else {
            panic!("{error:?}");
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            placed: self.placed + other.placed,
            told_why: self.told_why + other.told_why,
            check: self.check + other.check,
            deadlock: self.deadlock + other.deadlock,
            contradiction: self.contradiction + other.contradiction,
        }
    }
}
