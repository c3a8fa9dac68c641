//! Random histories of every operation of the ledger, against a small model of it in memory.
//!
//! After every step each account must hold what the model says, and what the ledger refuses the
//! model must refuse with the same code. The model ([`model`]) knows no SQL, shares no code with
//! the ledger and spends use one second at a time.
//!
//! The seed is printed. `PROPTEST_RNG_SEED=<seed> cargo nextest run -p accounting random_history`
//! plays the same histories again; a failing one is shrunk to its shortest and printed with its
//! seed. `PROPTEST_CASES=<n>` plays more of them than the few of an ordinary run.

mod aim;
mod extensions;
mod model;
mod moves;
mod play;
mod step;
mod use_of_holds;

use std::cell::RefCell;

use proptest::{
    collection::vec,
    test_runner::{Config, RngSeed, TestCaseError, TestRunner},
};
use record::id;
use sqlx::{PgPool, postgres::PgPoolOptions};

use super::{Desk, stamp};
use crate::rate_card;

/// Histories in an ordinary run; about half a minute on two cores.
const HISTORIES: u32 = 30;

/// Steps of a history after its opening ones.
const STEPS: usize = 120;

#[sqlx::test(migrations = false)]
async fn a_random_history_is_what_the_model_says(db: PgPool) {
    let desk = Desk::open(db).await;
    let mut tx = desk.db.begin().await.unwrap();
    let mut rates = [desk.rate_id; 2];
    for ((rate_id, price), partition) in rates.iter_mut().zip(model::PRICES).zip(["even", "odd"]) {
        let mut card = super::card(super::noon() - chrono::TimeDelta::days(50), price);
        partition.clone_into(&mut card.rates[0].partition);
        rate_card::publish(&mut tx, &card, &stamp()).await.unwrap();
        *rate_id = card.rates[0].rate_id;
    }
    tx.commit().await.unwrap();
    let options = (*desk.db.connect_options()).clone();
    // The runner of histories is not asynchronous: it gets a thread and connections of its own.
    let played = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pool = PgPoolOptions::new().max_connections(2);
        let pool = runtime.block_on(pool.connect_with(options)).unwrap();
        let tally = RefCell::new(play::Tally::default());
        histories(|steps| {
            let tally = &mut tally.borrow_mut();
            runtime.block_on(play::history(&pool, rates, &steps, tally))
        });
        let tally = tally.into_inner();
        println!("taken and refused: {tally:?}");
        // Histories in which an operation is never taken show nothing about it.
        if std::env::var_os("PROPTEST_CASES").is_none() {
            assert!(tally.values().all(|&(taken, _)| taken > 0), "{tally:?}");
        }
    });
    played.await.unwrap();
}

/// Plays random histories until one differs or there were enough.
fn histories(play: impl Fn(Vec<step::Drawn>) -> Result<(), String>) {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    config.max_shrink_iters = 150;
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = HISTORIES;
    }
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => id::fresh().as_u64_pair().1,
    };
    config.rng_seed = RngSeed::Fixed(seed);
    println!("PROPTEST_RNG_SEED={seed}");
    let steps = (step::opening(), vec(step::any(), 1..=STEPS));
    let outcome = TestRunner::new(config).run(&steps, |(opening, later)| {
        let steps = opening.into_iter().chain(later).collect();
        play(steps).map_err(TestCaseError::fail)
    });
    if let Err(failure) = outcome {
        panic!("PROPTEST_RNG_SEED={seed} plays this again\n{failure}");
    }
}
