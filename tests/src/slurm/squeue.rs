//! Reading slurmctld's queue as a person does, with `squeue`.

use anyhow::{Context, Result};

use super::cluster::Cluster;

/// The columns that are asked for, in order.
const FORMAT: &str = "%A|%T|%r|%a|%P|%q|%N|%v|%u";

/// One job, with the fields as `squeue` prints them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqueueRow {
    /// Slurm's own job id; of an array's task not the array's.
    pub job_id: u32,
    /// State, in full.
    pub state: String,
    /// Why it waits; "None" when it does not.
    pub reason: String,
    /// Account.
    pub account: String,
    /// Partition.
    pub partition: String,
    /// QOS.
    pub qos: String,
    /// Nodes; empty while it waits.
    pub nodes: String,
    /// Reservation, or "(null)".
    pub reservation: String,
    /// User name.
    pub user: String,
}

impl SqueueRow {
    fn parse(line: &str) -> Result<Self> {
        let fields: Vec<&str> = line.split('|').collect();
        let [job_id, state, reason, account, partition, qos, nodes, reservation, user] = fields[..]
        else {
            anyhow::bail!("squeue printed an unexpected line: {line}");
        };
        Ok(Self {
            job_id: job_id.parse().with_context(|| format!("the job id in: {line}"))?,
            state: state.into(),
            reason: reason.into(),
            account: account.into(),
            partition: partition.into(),
            qos: qos.into(),
            nodes: nodes.into(),
            reservation: reservation.into(),
            user: user.into(),
        })
    }
}

impl Cluster {
    /// Every job that slurmctld knows, ended ones too while it remembers them.
    pub async fn squeue(&self) -> Result<Vec<SqueueRow>> {
        let arguments = ["--noheader", "--all", "--states=all", "--format", FORMAT];
        let text = self.output("squeue", &arguments).await?;
        text.lines().map(|line| SqueueRow::parse(line.trim())).collect()
    }

    /// One job; `None` if slurmctld does not know it.
    pub async fn squeue_row(&self, job_id: u32) -> Result<Option<SqueueRow>> {
        Ok(self.squeue().await?.into_iter().find(|row| row.job_id == job_id))
    }
}
