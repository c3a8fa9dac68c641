//! Chaos in its short form: sixty jobs from eight clients through a real Slurm, while everything but
//! the nodes is killed with -9 and the wire between broker and gateway is cut and slowed.
//!
//! `cargo xtask chaos --jobs 500 --seed S` is the long form; what must hold is the same.

use anyhow::{Result, ensure};
use testbed::chaos::{self, Plan};

const JOBS: usize = 60;
/// Of every choice; printed with what is done, and given to `cargo xtask chaos` to do it again.
const SEED: u64 = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_jobs_come_through_whatever_dies() -> Result<()> {
    let report = chaos::run(Plan { jobs: JOBS, seed: SEED, logs: None }).await?;
    for line in report.remarks.iter().chain(&report.ended_by_slurm) {
        println!("{line}");
    }
    println!("{}", report.summary);
    ensure!(report.broken.is_empty(), "seed {SEED}:\n{}", report.broken.join("\n"));
    Ok(())
}
