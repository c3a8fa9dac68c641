//! Reading slurmdbd as a person does, with `sacct`: the tests' second opinion.

use anyhow::{Context, Result, ensure};

use super::cluster::Cluster;

/// The columns that are asked for, in order.
const FORMAT: &str = "JobID,State,Partition,Account,User,UID,AllocTRES,ElapsedRaw,Start,End,\
                      NodeList,AdminComment,DBIndex,ExitCode";

/// One incarnation of a job, with the fields as `sacct` prints them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SacctRow {
    /// Slurm's job id.
    pub job_id: String,
    /// State; "CANCELLED by 0" is shortened to its first word.
    pub state: String,
    /// Partition.
    pub partition: String,
    /// Account.
    pub account: String,
    /// User name.
    pub user: String,
    /// User id.
    pub uid: String,
    /// Allocated TRES, as `cpu=1,gres/gpu=2,…`; empty before the start.
    pub alloc_tres: String,
    /// Seconds from start to end, or so far.
    pub elapsed_s: i64,
    /// Start in local time, or "Unknown".
    pub start: String,
    /// End in local time, or "Unknown".
    pub end: String,
    /// Nodes.
    pub nodes: String,
    /// The broker's mark.
    pub admin_comment: String,
    /// Slurm's key of this incarnation.
    pub db_index: String,
    /// Exit code and signal, as `0:0`.
    pub exit_code: String,
}

impl SacctRow {
    /// The amount of one allocated TRES by its exact name, such as `gres/gpu`.
    pub fn tres(&self, name: &str) -> Option<i64> {
        self.alloc_tres
            .split(',')
            .filter_map(|tres| tres.split_once('='))
            .find(|(key, _)| *key == name)
            .and_then(|(_, amount)| amount.parse().ok())
    }

    /// GPU-seconds so far: allocated GPUs times elapsed seconds.
    pub fn gpu_seconds(&self) -> i64 {
        self.tres("gres/gpu").unwrap_or(0) * self.elapsed_s
    }

    fn parse(line: &str) -> Result<Self> {
        let fields: Vec<&str> = line.split('|').collect();
        let [
            job_id,
            state,
            partition,
            account,
            user,
            uid,
            alloc_tres,
            elapsed,
            start,
            end,
            nodes,
            ..,
        ] = fields[..]
        else {
            anyhow::bail!("sacct printed an unexpected line: {line}");
        };
        let [.., admin_comment, db_index, exit_code] = fields[..] else {
            anyhow::bail!("sacct printed an unexpected line: {line}");
        };
        ensure!(fields.len() == FORMAT.split(',').count(), "sacct printed a | inside: {line}");
        Ok(Self {
            job_id: job_id.into(),
            state: state.split(' ').next().unwrap_or(state).into(),
            partition: partition.into(),
            account: account.into(),
            user: user.into(),
            uid: uid.into(),
            alloc_tres: alloc_tres.into(),
            elapsed_s: elapsed.parse().with_context(|| format!("elapsed seconds in: {line}"))?,
            start: start.into(),
            end: end.into(),
            nodes: nodes.into(),
            admin_comment: admin_comment.into(),
            db_index: db_index.into(),
            exit_code: exit_code.into(),
        })
    }
}

impl Cluster {
    /// Every incarnation of one job that slurmdbd has; it lags slurmctld by some seconds.
    pub async fn sacct_rows(&self, job_id: u32) -> Result<Vec<SacctRow>> {
        self.sacct(&["--jobs", &job_id.to_string()]).await
    }

    /// Every job of the last day in an account.
    pub async fn sacct_rows_of_account(&self, account: &str) -> Result<Vec<SacctRow>> {
        self.sacct(&["--accounts", account, "--starttime", "now-1days"]).await
    }

    async fn sacct(&self, which: &[&str]) -> Result<Vec<SacctRow>> {
        let mut arguments =
            vec!["-P", "-n", "-X", "--duplicates", "--allusers", "--format", FORMAT];
        arguments.extend(which);
        let text = self.output("sacct", &arguments).await?;
        text.lines().map(SacctRow::parse).collect()
    }
}
