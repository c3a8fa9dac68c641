//! Random histories: whatever is done in whatever order, the ledger balances and nothing is lost.
//!
//! The seed is printed; put it into `SEED` to see a history again.

use record::{GpuSeconds, id};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Desk, run_of};
use crate::hold::{NewRun, PlaceError, ReleaseError, ReleaseReason};

/// Set to a seed to repeat its history.
const SEED: Option<u64> = None;

const STEPS: usize = 120;

/// A small generator of our own (xorshift64*), so that a history depends on its seed alone.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    fn amount(&mut self, below: u64) -> i64 {
        i64::try_from(self.roll(below)).unwrap()
    }

    fn one_of<T: Copy>(&mut self, things: &[T]) -> Option<T> {
        let sides = u64::try_from(things.len()).unwrap();
        (sides > 0).then(|| things[usize::try_from(self.roll(sides)).unwrap()])
    }
}

#[sqlx::test(migrations = false)]
async fn a_random_history_balances(db: PgPool) {
    let seed = SEED.unwrap_or_else(|| id::fresh().as_u64_pair().1 | 1);
    println!("SEED = Some({seed})");
    let mut dice = Dice(seed);
    let desk = Desk::open(db).await;
    let grants = [
        desk.grant(2_000, 3_000_000).await,
        desk.grant(3_000, 2_000_000).await,
        desk.grant(1_000, 1_000_000).await,
    ];
    let mut holds: Vec<Uuid> = Vec::new();
    let mut runs: Vec<(Uuid, NewRun)> = Vec::new();
    for _ in 0..STEPS {
        match dice.roll(5) {
            0 | 1 => place(&desk, &mut dice, &grants, &mut holds).await,
            2 | 3 => {
                let Some(hold_id) = dice.one_of(&holds) else { continue };
                let run = run_of(dice.amount(500));
                desk.settle(hold_id, std::slice::from_ref(&run)).await.unwrap();
                runs.push((hold_id, run));
            }
            _ => {
                let Some(hold_id) = dice.one_of(&holds) else { continue };
                match desk.release(hold_id, ReleaseReason::Cancelled).await {
                    Ok(_) | Err(ReleaseError::Hold(_)) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        }
    }
    for (hold_id, run) in &runs {
        desk.settle(*hold_id, std::slice::from_ref(run)).await.unwrap();
    }

    desk.balances().await;
    let mut posted = 0;
    for grant_id in grants {
        let balance = desk.balance(grant_id).await;
        let [available, held, settled, overrun] = desk.time_of(grant_id).await;
        assert_eq!(available + held + settled, balance.granted.get());
        posted += settled + overrun;
    }
    let used: i64 = runs.iter().map(|(_, run)| run.gpu_seconds).map(GpuSeconds::get).sum();
    assert_eq!(posted, used, "settled + overrun is what slurmdbd has");
}

async fn place(desk: &Desk, dice: &mut Dice, grants: &[Uuid], holds: &mut Vec<Uuid>) {
    let mut offered = grants.to_vec();
    let turn = usize::try_from(dice.roll(3)).unwrap();
    offered.rotate_left(turn);
    offered.truncate(1 + turn);
    let request = desk.request(&offered, 1 + dice.amount(600));
    match desk.place(&request).await {
        Ok(placed) => holds.push(placed.hold_id),
        Err(PlaceError::NotEnoughGpuSeconds { .. } | PlaceError::NotEnoughMoney { .. }) => {}
        Err(error) => panic!("{error:?}"),
    }
}
