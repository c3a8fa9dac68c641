//! Submissions per second, by every way there is: libslurm alone, our gateway, `sbatch`, slurmrestd,
//! and the whole broker from the API to Slurm.
//!
//! The first four take turns on one cluster while mimerd is stopped in its tracks; the broker takes
//! turns with `sbatch` on another, where it does all its work. All jobs are held: the scheduler is
//! not what is measured.

mod bare;
mod broker;
mod gateway;
mod restd;
mod sbatch;

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::{Value, json};

use super::{percentile, rounded};
use crate::site::Site;

use bare::BareLibslurm;
use broker::Broker;
use restd::Restd;

/// Rounds in which every way takes its turn.
const ROUNDS: usize = 5;
/// Submissions of each way in one turn.
const JOBS: u32 = 240;
/// The first id of a job of the bench's own; the broker's own sequence stays below.
const FIRST_ID: u32 = 200_000;

/// Jobs per second of each way, round by round.
#[derive(Default)]
struct Rates(BTreeMap<String, Vec<f64>>);

impl Rates {
    fn note(&mut self, way: &str, at_once: u32, seconds: f64) {
        let rate = f64::from(JOBS) / seconds;
        eprintln!("{way} x{at_once}: {rate:.0}/s");
        self.0.entry(format!("{way}_x{at_once}")).or_default().push(rate);
    }

    /// The median of one way at one concurrency.
    fn median(&mut self, name: &str) -> f64 {
        self.0.get_mut(name).map_or(f64::NAN, |rates| percentile(rates, 50))
    }

    /// The best median of a way over its concurrencies.
    fn best(&mut self, way: &str) -> f64 {
        let prefix = format!("{way}_x");
        let names: Vec<String> =
            self.0.keys().filter(|name| name.starts_with(&prefix)).cloned().collect();
        names.iter().map(|name| self.median(name)).fold(f64::NAN, f64::max)
    }

    /// Every median, and per way the best and where it was reached.
    fn told(mut self) -> Value {
        let names: Vec<String> = self.0.keys().cloned().collect();
        let medians: BTreeMap<String, f64> =
            names.into_iter().map(|name| (name.clone(), rounded(self.median(&name), 0))).collect();
        let [libslurm, held, gateway, sbatch, restd, broker, beside] = [
            "libslurm",
            "libslurm_and_hold",
            "gateway",
            "sbatch",
            "slurmrestd",
            "broker",
            "sbatch_beside_broker",
        ]
        .map(|way| self.best(way));
        json!({
            "bench": "submit",
            "rounds": ROUNDS,
            "jobs_per_turn": JOBS,
            "libslurm_per_s": rounded(libslurm, 0),
            "libslurm_and_hold_per_s": rounded(held, 0),
            "gateway_per_s": rounded(gateway, 0),
            "broker_per_s": rounded(broker, 0),
            "sbatch_per_s": rounded(sbatch, 0),
            "sbatch_beside_broker_per_s": rounded(beside, 0),
            "slurmrestd_per_s": rounded(restd, 0),
            "gateway_to_libslurm": rounded(gateway / libslurm, 2),
            "gateway_to_libslurm_and_hold": rounded(gateway / held, 2),
            "broker_to_sbatch": rounded(broker / beside, 2),
            "medians": medians,
        })
    }
}

/// Measures every way and returns medians over the rounds and their ratios.
pub async fn submit(is_small: bool) -> Result<Value> {
    let rounds = if is_small { 1 } else { ROUNDS };
    let mut rates = Rates::default();
    towards_slurm(&mut rates, rounds).await?;
    through_broker(&mut rates, rounds).await?;
    Ok(rates.told())
}

/// libslurm, the gateway, `sbatch` and slurmrestd, while the broker does nothing.
async fn towards_slurm(rates: &mut Rates, rounds: usize) -> Result<()> {
    let site = Site::kept_by_hand(1).await?;
    let bare = BareLibslurm::build(&site)?;
    let restd = Restd::start(&site).await?;
    site.pause_mimerd()?;
    let mut next_id = FIRST_ID;
    let mut ids = || {
        next_id += JOBS;
        next_id - JOBS
    };
    for _ in 0..rounds {
        for threads in [1, 4, 8] {
            rates.note("libslurm", threads, bare.submit(&site, threads, ids(), false)?);
            rates.note("libslurm_and_hold", threads, bare.submit(&site, threads, ids(), true)?);
            rates.note("gateway", threads, gateway::submit(&site, threads, ids()).await?);
        }
        for at_once in [1, 8] {
            rates.note("sbatch", at_once, sbatch::submit(&site, at_once).await?);
            rates.note("slurmrestd", at_once, restd.submit(at_once).await?);
        }
    }
    site.resume_mimerd()?;
    drop(restd);
    site.stop().await
}

/// The whole broker, and `sbatch` beside it.
async fn through_broker(rates: &mut Rates, rounds: usize) -> Result<()> {
    let site = Site::real(1).await?;
    let broker = Broker::begin(&site).await?;
    for _ in 0..rounds {
        for clients in [1, 8, 16] {
            rates.note("broker", clients, broker.submit(&site, clients).await?);
        }
        for at_once in [1, 8] {
            let seconds = sbatch::submit_research(&site, at_once).await?;
            rates.note("sbatch_beside_broker", at_once, seconds);
        }
    }
    site.stop().await
}
