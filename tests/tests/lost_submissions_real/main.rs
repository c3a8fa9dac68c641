//! slurmctld acknowledges submissions before it saves them. Killed with -9 right after, it has lost
//! them, and each still becomes one Slurm job that runs to its end.

use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::chaos;

const SUBMISSIONS: usize = 20;
const KILLED_AFTER: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(500), Duration::from_secs(2)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn submissions_that_slurmctld_lost_complete_as_one_job_each() -> Result<()> {
    let (rounds, report) = chaos::lose_submissions(SUBMISSIONS, &KILLED_AFTER).await?;
    for line in &report.remarks {
        println!("{line}");
    }
    println!("{rounds:?}\n{}", report.summary);
    ensure!(report.broken.is_empty(), "{}", report.broken.join("\n"));
    ensure!(rounds.iter().any(|round| round.lost > 0), "nothing was lost: {rounds:?}");
    Ok(())
}
