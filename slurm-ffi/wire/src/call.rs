//! What the broker may ask of the gateway, and the answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    AccountLimits, AccountRow, AssociationRow, JobRecord, JobRow, NewAccount, NewReservation,
    Policy, QosRow, Refusal, UserAssociation,
};

/// Both sides must speak the same version; a difference is refused by name.
pub const PROTOCOL_VERSION: u32 = 2;

/// The caller's first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`PROTOCOL_VERSION`] of the caller.
    pub version: u32,
}

/// The gateway's answer to a good [`Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Welcome {
    /// [`PROTOCOL_VERSION`] of the gateway.
    pub version: u32,
    /// The cluster's name as Slurm has it.
    pub cluster: String,
    /// Slurm's release, as `22.05.8`.
    pub slurm_version: String,
}

/// One thing asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case", deny_unknown_fields)]
pub enum Call {
    /// Is slurmctld there? Cheap; feeds the circuit breaker.
    Ping,
    /// Compare Slurm's settings with what the broker needs.
    CheckSettings,
    /// Submit one job, held, under the id the broker chose.
    Submit(Box<JobSpec>),
    /// Let a held job of ours start.
    Release {
        /// Slurm's job id.
        job_id: u32,
    },
    /// Cancel a job of ours.
    Cancel {
        /// Slurm's job id.
        job_id: u32,
    },
    /// Read jobs that slurmctld knows; an empty list means all in the broker's id range.
    ReadJobs {
        /// Slurm's job ids.
        job_ids: Vec<u32>,
    },
    /// Read job records from slurmdbd, every incarnation of every named job.
    ReadRecords {
        /// Slurm's job ids; at most 1,000.
        job_ids: Vec<u32>,
    },
    /// Read the accounts of the broker's subtree.
    ReadAccounts,
    /// Read the associations (account, user) of the broker's subtree.
    ReadAssociations,
    /// Hold a waiting job of ours again, so that only [`Call::Release`] lets it start.
    Hold {
        /// Slurm's job id.
        job_id: u32,
    },
    /// Have Slurm look at a waiting job of ours now: a raised limit alone is noticed after half a minute.
    Nudge {
        /// Slurm's job id.
        job_id: u32,
    },
    /// Give a job of ours another QOS of the broker's.
    ChangeQos {
        /// Slurm's job id.
        job_id: u32,
        /// One of the broker's QOS.
        qos: String,
    },
    /// Read jobs on the broker's partitions or accounts that do not carry the broker's mark.
    ReadStrangers,
    /// Cancel such a job. Refused for a job that carries the mark or is elsewhere.
    CancelStranger {
        /// Slurm's job id.
        job_id: u32,
    },
    /// Read from slurmdbd every run on the whole cluster that made way for another job.
    ReadPreempted {
        /// First second, since the epoch.
        from: i64,
        /// The second after the last.
        until: i64,
    },
    /// Read accounts, associations, QOS and reservations: those that are the broker's to change.
    ReadPolicy,
    /// Read the accounts, associations and QOS of the whole cluster, to take them over. Only where the
    /// bounds file has `import = true`.
    ReadWholeCluster,
    /// Make an account of the subtree, or move one of the subtree to another parent in it.
    PutAccount(NewAccount),
    /// Set the limits of an account of the subtree; what is not named is lifted.
    PutAccountLimits(AccountLimits),
    /// Let a user run under an account, with just these QOS.
    PutUser(UserAssociation),
    /// No longer let a user run under an account. Gone already is well; refused while jobs of theirs
    /// wait or run there.
    RemoveUser {
        /// Slurm account.
        account: String,
        /// User's name.
        user: String,
    },
    /// Make a QOS of the broker's, or set everything of it; what is not named is lifted.
    PutQos(QosRow),
    /// Make a reservation of the broker's, or set everything of it.
    PutReservation(NewReservation),
    /// End a reservation of the broker's. Gone already is well.
    RemoveReservation {
        /// Its name.
        name: String,
    },
}

/// A job as the broker wants it: always held, never requeued, GPUs always typed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// The explicit job id, from the broker's durable sequence: the idempotency key.
    pub job_id: u32,
    /// The broker's mark, stored as admin comment; adopted only if equal.
    pub key: String,
    /// POSIX user to run as.
    pub uid: u32,
    /// That user's primary group.
    pub gid: u32,
    /// Slurm account (the project's).
    pub account: String,
    /// Partition.
    pub partition: String,
    /// QOS, or Slurm's default.
    pub qos: Option<String>,
    /// Job name.
    pub name: String,
    /// Wall time limit in minutes, at least 1.
    pub time_limit_min: u32,
    /// GPUs on the one node, at least 1.
    pub gpu_count: u32,
    /// Slurm's GPU type, as in `gres/gpu:TYPE`.
    pub gpu_type: String,
    /// CPUs.
    pub cpu_count: u32,
    /// Memory on the node in MiB; `None` leaves the partition's default.
    pub memory_mib: Option<u64>,
    /// Working directory, absolute, under the bounds file's prefix.
    pub work_dir: String,
    /// Batch script with its `#!` line.
    pub script: String,
    /// Environment of the job.
    pub environment: BTreeMap<String, String>,
    /// Seconds since the epoch: Slurm gives the job up if it cannot end before.
    #[serde(default)]
    pub deadline: Option<i64>,
    /// Reservation of the broker's that it runs in.
    #[serde(default)]
    pub reservation: Option<String>,
    /// True when nobody else may share the node.
    #[serde(default)]
    pub whole_node: bool,
}

/// A job that Slurm has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submitted {
    /// Slurm's job id: the one asked for.
    pub job_id: u32,
    /// True if the job was already there with our key (an earlier try that went through).
    pub adopted: bool,
}

/// One setting of Slurm that is not as the broker needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingFault {
    /// Name in slurm.conf or slurmdbd.conf.
    pub setting: String,
    /// What the broker needs.
    pub expected: String,
    /// What it is now.
    pub actual: String,
    /// What does not work without it.
    pub feature: String,
    /// One sentence for the operator: what to change.
    pub sentence: String,
}

/// The gateway's answer to one [`Call`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "body", rename_all = "snake_case")]
pub enum Answer {
    /// To [`Call::Ping`]: slurmctld answers.
    Pong,
    /// To [`Call::CheckSettings`]: empty when all is well.
    Settings(Vec<SettingFault>),
    /// To [`Call::Submit`].
    Submitted(Submitted),
    /// To every call that changes something; also when it was done before.
    Done,
    /// To [`Call::ReadJobs`] and [`Call::ReadStrangers`].
    Jobs(Vec<JobRow>),
    /// To [`Call::ReadRecords`] and [`Call::ReadPreempted`].
    Records(Vec<JobRecord>),
    /// To [`Call::ReadAccounts`].
    Accounts(Vec<AccountRow>),
    /// To [`Call::ReadAssociations`].
    Associations(Vec<AssociationRow>),
    /// To [`Call::ReadPolicy`] and [`Call::ReadWholeCluster`].
    Policy(Box<Policy>),
    /// The call was not carried out.
    Refused(Refusal),
}
