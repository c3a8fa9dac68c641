//! Jobs past the broker: research's own, and what root submits to try the fences.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::cluster::Cluster;
use crate::accounts::PosixUser;
use crate::poll;

/// slurmctld starts a job within a second; a busy machine gets time.
const BOUND: Duration = Duration::from_secs(60);

/// The partition and the account of everybody else.
const RESEARCH: &str = "research";

/// A job for `sbatch`. By default a researcher's, with a whole node for an hour.
#[derive(Clone, Debug)]
pub struct Sbatch<'a> {
    /// Slurm account.
    pub account: &'a str,
    /// Partition.
    pub partition: &'a str,
    /// QOS; without one, the association's default.
    pub qos: Option<&'a str>,
    /// Reservation to run in.
    pub reservation: Option<&'a str>,
    /// What of GPUs, as in `gpu:h200:8`.
    pub gres: &'a str,
    /// Wall time limit in minutes.
    pub time_limit_min: u32,
    /// What the shell runs.
    pub script: &'a str,
}

impl Default for Sbatch<'_> {
    fn default() -> Self {
        Self {
            account: RESEARCH,
            partition: RESEARCH,
            qos: None,
            reservation: None,
            gres: "gpu:h200:8",
            time_limit_min: 60,
            script: "sleep 3600",
        }
    }
}

impl Sbatch<'_> {
    fn add_to(&self, command: &mut Command) {
        command
            .args(["--parsable", "--requeue", "--chdir=/tmp", "--output=/dev/null"])
            .arg(format!("--account={}", self.account))
            .arg(format!("--partition={}", self.partition))
            .arg(format!("--gres={}", self.gres))
            .arg(format!("--time={}", self.time_limit_min))
            .args(self.qos.map(|qos| format!("--qos={qos}")))
            .args(self.reservation.map(|name| format!("--reservation={name}")))
            .arg(format!("--wrap={}", self.script));
    }
}

impl Cluster {
    /// Submits as the user, past the broker, and returns the job id.
    pub async fn sbatch_as(&self, user: &PosixUser, job: &Sbatch<'_>) -> Result<u32> {
        let mut command = self.command_as(user, "sbatch");
        job.add_to(&mut command);
        submitted(command).await
    }

    /// Submits as root on behalf of the user, past the broker, as only a gateway may.
    pub async fn sbatch_as_root_for(&self, user: &PosixUser, job: &Sbatch<'_>) -> Result<u32> {
        let mut command = self.command("sbatch");
        command.arg(format!("--uid={}", user.uid)).arg(format!("--gid={}", user.gid));
        job.add_to(&mut command);
        submitted(command).await
    }

    /// A researcher: a user of the account `research`, and of nothing of the broker's.
    pub async fn researcher(&self) -> Result<PosixUser> {
        let user = PosixUser::researcher()?;
        self.add_user(RESEARCH, &user).await?;
        Ok(user)
    }

    /// A research job that runs; returns its id.
    pub async fn research_job(&self, job: &Sbatch<'_>) -> Result<u32> {
        let user = self.researcher().await?;
        let job_id = self.sbatch_as(&user, job).await?;
        self.until_state(job_id, "RUNNING").await?;
        Ok(job_id)
    }

    /// Fills every node with one research job, waits until all run and returns their ids.
    pub async fn fill_with_research(&self) -> Result<Vec<u32>> {
        let user = self.researcher().await?;
        let gres = format!("gpu:{}:{}", self.plan().gpu_type, self.plan().gpus_per_node);
        let job = Sbatch { gres: &gres, ..Sbatch::default() };
        let mut job_ids = Vec::new();
        for _ in 0..self.plan().nodes {
            job_ids.push(self.sbatch_as(&user, &job).await?);
        }
        for job_id in &job_ids {
            self.until_state(*job_id, "RUNNING").await?;
        }
        Ok(job_ids)
    }

    /// Waits until squeue shows a job in that state.
    pub async fn until_state(&self, job_id: u32, state: &str) -> Result<()> {
        poll::until(&format!("job {job_id} to be {state}"), BOUND, async || {
            Ok(self.squeue_row(job_id).await?.is_some_and(|row| row.state == state))
        })
        .await
    }
}

/// Runs `sbatch` and reads the job id it prints.
async fn submitted(command: Command) -> Result<u32> {
    let output = tokio::process::Command::from(command)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("running sbatch")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "sbatch refused: {}", said.trim());
    let printed = String::from_utf8_lossy(&output.stdout);
    // `--parsable` prints JOBID or JOBID;CLUSTER.
    let job_id = printed.trim().split(';').next().unwrap_or_default();
    job_id.parse().with_context(|| format!("sbatch printed {printed:?}"))
}
