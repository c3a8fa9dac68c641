//! Random histories of every quota operation, held against a small reference model.
//!
//! The store and the model hear the same operations and must give the same answers, refusals by
//! their codes too, and stand equal after every step. A history that fails is shrunk and printed
//! with its seed; `PROPTEST_RNG_SEED` plays it again, `PROPTEST_CASES` plays more of them.

use std::{collections::BTreeMap, sync::Mutex};

use accounting::ledger;
use proptest::{
    prelude::ProptestConfig,
    test_runner::{RngSeed, TestCaseError, TestRunner},
};
use record::id;
use sqlx::PgPool;

use model::Model;
use operation::{Operation, history, opening};
use player::Player;
use world::World;

mod model;
mod operation;
mod player;
mod world;

/// Histories in one run, unless `PROPTEST_CASES` says otherwise: some twenty seconds.
const CASES: u32 = 24;

/// Steps towards a smaller history that fails too.
const MOST_SHRINKS: u32 = 300;

/// What proptest would play if nobody said how many.
const CASES_UNASKED: u32 = 256;

/// How often each operation had which answer.
type Tally = BTreeMap<(&'static str, &'static str), u32>;

#[sqlx::test(migrations = false)]
async fn random_histories_stand_as_the_model_says(db: PgPool) {
    let world = World::lay_out(&db).await;
    let asked = ProptestConfig::default();
    let seed = match asked.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => id::fresh().as_u64_pair().1,
    };
    let cases = if asked.cases == CASES_UNASKED { CASES } else { asked.cases };
    let rng_seed = RngSeed::Fixed(seed);
    let (max_shrink_iters, failure_persistence) = (MOST_SHRINKS, None);
    let config = ProptestConfig { cases, rng_seed, max_shrink_iters, failure_persistence, ..asked };
    let tally = Mutex::new(Tally::new());

    // proptest waits for each history; the histories need the runtime that this test leaves to them.
    let runtime = tokio::runtime::Handle::current();
    let play_all = {
        let db = db.clone();
        move || {
            let played = TestRunner::new(config).run(&history(), |operations| {
                runtime
                    .block_on(play(&db, &world, &operations, &tally))
                    .map_err(TestCaseError::fail)
            });
            (played, tally)
        }
    };
    let (played, tally) = tokio::task::spawn_blocking(play_all).await.unwrap();
    for ((operation, answer), count) in tally.into_inner().unwrap() {
        println!("{operation:>10} {answer:<36} {count}");
    }
    if let Err(fault) = played {
        panic!("{fault}\nto play it again: PROPTEST_RNG_SEED={seed}");
    }
    assert_eq!(ledger::verify(&db).await.unwrap(), []);
}

/// Plays one history in a transaction of its own and keeps it if all was as the model says.
async fn play(
    db: &PgPool,
    world: &World,
    operations: &[Operation],
    tally: &Mutex<Tally>,
) -> Result<(), String> {
    let mut tx = db.begin().await.unwrap();
    let (mut player, mut model) = (Player::new(world), Model::new());
    for (step, operation) in opening().iter().chain(operations).enumerate() {
        let operation = operation.placed(&model.counts());
        let told = player.play(&mut tx, &operation).await;
        let expected = model.play(&operation);
        let answer = told.as_ref().err().map_or("done", |code| code);
        *tally.lock().unwrap().entry((operation.word(), answer)).or_default() += 1;
        if told != expected {
            return Err(format!(
                "step {step}, {operation:?}: the store says {told:?}, the model {expected:?}"
            ));
        }
        let (stands, should_stand) = (player.standing(&mut tx).await, model.standing());
        if stands != should_stand {
            return Err(format!(
                "step {step}, {operation:?}: the store stands at\n{stands:?}\nthe model at\n\
                 {should_stand:?}"
            ));
        }
    }
    tx.commit().await.unwrap();
    Ok(())
}
