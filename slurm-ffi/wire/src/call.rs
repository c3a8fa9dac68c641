//! What the broker may ask of the gateway, and the answers.

use serde::{Deserialize, Serialize};

use crate::{
    AccountLimits, AccountRow, AccountUsage, AssociationRow, Changes, Cursor, JobRecord, JobRow,
    JobSpec, NewAccount, NewReservation, OurJob, Policy, QosRow, Refusal, UserAssociation,
};

/// Both sides must speak the same version; a difference is refused by name.
pub const PROTOCOL_VERSION: u32 = 3;

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
    /// True where the gateway is Slurm's administrator, so that the broker chooses job ids. Without
    /// that, Slurm chooses them and a submission in doubt may leave a held orphan behind.
    pub explicit_ids: bool,
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
    Release(OurJob),
    /// Cancel a job of ours, with all its tasks.
    Cancel(OurJob),
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
    /// Read what has changed of the broker's jobs in slurmctld since a cursor; without one, all.
    WatchJobs {
        /// Where the last answer ended.
        since: Option<Cursor>,
    },
    /// Read from slurmdbd every run that ended in a stretch of time and is the broker's: by its id,
    /// or by its account.
    ReadEnded {
        /// First second, since the epoch.
        from: i64,
        /// The second after the last.
        until: i64,
    },
    /// Read Slurm's own sums of use by account, as `sreport` shows them: whole hours, and only those
    /// that slurmdbd has rolled up.
    ReadUsage {
        /// First second of the first hour, since the epoch.
        from: i64,
        /// The second after the last.
        until: i64,
    },
    /// Read the accounts of the broker's subtree.
    ReadAccounts,
    /// Read the associations (account, user) of the broker's subtree.
    ReadAssociations,
    /// Hold a waiting job of ours again, so that only [`Call::Release`] lets it start.
    Hold(OurJob),
    /// Have Slurm look at a waiting job of ours now: a raised limit alone is noticed after half a minute.
    Nudge(OurJob),
    /// Give a job of ours another QOS of the broker's.
    ChangeQos {
        /// The job.
        job: OurJob,
        /// One of the broker's QOS.
        qos: String,
    },
    /// Stop a running job of ours for a while; it keeps its nodes and GPUs.
    Suspend(OurJob),
    /// Let a suspended job of ours go on.
    Resume(OurJob),
    /// Put a running job of ours back into the queue, to start over under its id. Only where the
    /// job allows it: the broker submits its own without.
    Requeue(OurJob),
    /// Give a job of ours another wall time limit, waiting or running.
    SetTimeLimit {
        /// The job.
        job: OurJob,
        /// The whole limit in minutes, within the bounds file's cap.
        time_limit_min: u32,
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
    Submitted(crate::Submitted),
    /// To every call that changes something; also when it was done before.
    Done,
    /// To [`Call::WatchJobs`].
    Changes(Changes),
    /// To [`Call::ReadUsage`].
    Usage(Vec<AccountUsage>),
    /// To [`Call::ReadJobs`] and [`Call::ReadStrangers`].
    Jobs(Vec<JobRow>),
    /// To [`Call::ReadRecords`], [`Call::ReadEnded`] and [`Call::ReadPreempted`].
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
