//! Rows copied out of Slurm. `None` is "not set"; no magic numbers pass this line.

use serde::{Deserialize, Serialize};

/// Slurm's base job states, as `sacct` spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobState {
    /// Waiting, held or not.
    Pending,
    /// On its nodes.
    Running,
    /// Stopped for now, nodes kept.
    Suspended,
    /// Ended with exit code 0.
    Completed,
    /// Cancelled by a person or a program.
    Cancelled,
    /// Ended with another exit code.
    Failed,
    /// Ran into its wall time limit.
    Timeout,
    /// Lost a node.
    NodeFail,
    /// Made way for another job.
    Preempted,
    /// A node did not boot.
    BootFail,
    /// Missed its deadline.
    Deadline,
    /// Ran out of memory.
    OutOfMemory,
    /// A number this release of the gateway does not know.
    Unknown,
}

impl JobState {
    /// The state as `sacct` spells it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Suspended => "SUSPENDED",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
            Self::Timeout => "TIMEOUT",
            Self::NodeFail => "NODE_FAIL",
            Self::Preempted => "PREEMPTED",
            Self::BootFail => "BOOT_FAIL",
            Self::Deadline => "DEADLINE",
            Self::OutOfMemory => "OUT_OF_MEMORY",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// True once the incarnation is over.
    pub const fn is_over(self) -> bool {
        !matches!(self, Self::Pending | Self::Running | Self::Suspended | Self::Unknown)
    }
}

/// One job as slurmctld sees it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRow {
    /// Slurm's job id.
    pub job_id: u32,
    /// The broker's mark.
    pub admin_comment: Option<String>,
    /// Base state.
    pub state: JobState,
    /// Slurm's word for why it waits ("JobHeldAdmin"), or its number as text.
    pub state_reason: Option<String>,
    /// True while it is held (priority 0).
    pub held: bool,
    /// Still cleaning up after its end.
    pub completing: bool,
    /// User it runs as.
    pub uid: u32,
    /// Slurm account.
    pub account: Option<String>,
    /// Partition.
    pub partition: Option<String>,
    /// Seconds since the epoch.
    pub submitted_at: Option<i64>,
    /// Seconds since the epoch; `None` if it never started.
    pub started_at: Option<i64>,
    /// Seconds since the epoch; `None` while it runs.
    pub ended_at: Option<i64>,
    /// How often Slurm restarted it.
    pub restart_count: u32,
    /// Exit code of the script, `None` while it runs.
    pub exit_code: Option<i32>,
    /// Per node, the GPUs it holds: (node, GPU index in gres.conf order).
    pub gpus: Vec<(String, u32)>,
    /// Slurm's text of allocated TRES, as it wrote it.
    pub tres_alloc: Option<String>,
    /// MCS label.
    pub mcs_label: Option<String>,
    /// Wall time limit in minutes, `None` without one.
    #[serde(default)]
    pub time_limit_min: Option<u32>,
    /// The array it is of, whose id is the one that was asked for.
    #[serde(default)]
    pub array_job_id: Option<u32>,
    /// Its number in the array; `None` for the row that stands for all tasks not split off yet.
    #[serde(default)]
    pub array_task_id: Option<u32>,
}

impl JobRow {
    /// The id that was asked for: the array's, or its own.
    pub fn asked_id(&self) -> u32 {
        self.array_job_id.unwrap_or(self.job_id)
    }
}

/// One incarnation of a job in slurmdbd; what is owed is computed from these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRecord {
    /// Slurm's key of the incarnation on this cluster.
    pub db_index: u64,
    /// Slurm's job id.
    pub job_id: u32,
    /// Cluster's name.
    pub cluster: String,
    /// The broker's mark, once Slurm has it.
    pub admin_comment: Option<String>,
    /// Slurm account.
    pub account: Option<String>,
    /// Partition.
    pub partition: Option<String>,
    /// User name or uid as text.
    pub user: Option<String>,
    /// State of this incarnation.
    pub state: JobState,
    /// Seconds since the epoch.
    pub submitted_at: Option<i64>,
    /// Seconds since the epoch; `None` if it never started.
    pub started_at: Option<i64>,
    /// Seconds since the epoch; `None` while it runs.
    pub ended_at: Option<i64>,
    /// Seconds it was suspended.
    pub suspended_s: u64,
    /// Allocated TRES with names: `gres/gpu` → 2, `gres/gpu:h200` → 2 …
    pub tres: std::collections::BTreeMap<String, u64>,
    /// Nodes, as Slurm writes them.
    pub nodes: Option<String>,
    /// Exit code of the script.
    pub exit_code: Option<i32>,
    /// The array it is of, whose id is the one that was asked for.
    #[serde(default)]
    pub array_job_id: Option<u32>,
    /// Its number in the array.
    #[serde(default)]
    pub array_task_id: Option<u32>,
}

impl JobRecord {
    /// The id that was asked for: the array's, or its own.
    pub fn asked_id(&self) -> u32 {
        self.array_job_id.unwrap_or(self.job_id)
    }
}

/// One account of the broker's subtree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRow {
    /// Account name.
    pub name: String,
    /// Parent account; `None` for Slurm's root.
    pub parent: Option<String>,
    /// Limits of its own association.
    #[serde(default)]
    pub limits: crate::Limits,
}

/// One association: who may run under which account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssociationRow {
    /// Cluster.
    pub cluster: String,
    /// Account.
    pub account: String,
    /// User; `None` for the account's own association.
    pub user: Option<String>,
    /// Partition it is limited to.
    pub partition: Option<String>,
    /// The QOS that may be asked for, by name; empty where the parent's apply.
    #[serde(default)]
    pub qos: std::collections::BTreeSet<String>,
    /// The QOS of jobs that ask for none.
    #[serde(default)]
    pub default_qos: Option<String>,
}
