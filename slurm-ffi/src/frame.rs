//! What passes between the gateway's supervisor and its workers: JSON lines over pipes.

use serde::{Deserialize, Serialize};
use slurm_wire::{
    AccountLimits, AccountUsage, Changes, Cursor, JobRecord, JobRow, JobSpec, NewAccount,
    NewReservation, OurJob, QosRow, Refusal, ReservationRow, Submitted, UserAssociation,
};

use crate::association::Association;
use crate::change::Change;
use crate::ours::Own;
use crate::probe::{Doors, Proof};
use crate::settings::ControllerSettings;

/// Which of the two workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum WorkerKind {
    /// Talks to slurmctld.
    Ctl,
    /// Talks to slurmdbd.
    Dbd,
}

impl WorkerKind {
    /// As on the command line and in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ctl => "ctl",
            Self::Dbd => "dbd",
        }
    }

    /// Calls it carries out at once. More than four add nothing: slurmctld takes submissions one
    /// at a time. slurmdbd: one thread for what is owed, one for the account tree.
    pub const fn thread_count(self) -> usize {
        match self {
            Self::Ctl => 4,
            Self::Dbd => 2,
        }
    }
}

/// A worker's first line has this number: it is ready. No order has it.
pub const READY: u64 = 0;

/// One line to a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Given back with the outcome.
    pub seq: u64,
    /// What to do.
    pub task: Task,
}

/// One line from a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Of the order.
    pub seq: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What a task gives.
pub type Outcome = Result<Product, Refusal>;

/// A job to submit, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The job.
    pub spec: JobSpec,
    /// True to submit it under its own id; otherwise Slurm chooses one, and the key tells it apart.
    pub explicit_id: bool,
}

/// One call to libslurm, already found to be within bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Is slurmctld there?
    Ping,
    /// slurm.conf as slurmctld has it.
    ReadSettings,
    /// Submit one held job.
    Submit(Box<Submission>),
    /// Change a job of ours, after a look that it is one.
    Change {
        /// The job, and the mark it must carry.
        job: OurJob,
        /// Accounts of which one must be the job's: the broker's subtree.
        accounts: Vec<String>,
        /// What to change.
        change: Change,
    },
    /// Cancel a job that is not ours, without another look.
    CancelStranger {
        /// Slurm's job id.
        job_id: u32,
    },
    /// Jobs by id; those that slurmctld does not know are left out.
    ReadJobs {
        /// Slurm's job ids.
        job_ids: Vec<u32>,
    },
    /// Every job of the broker's.
    ReadOwnJobs(Own),
    /// What has changed of the broker's jobs.
    WatchJobs {
        /// Where the last answer ended.
        since: Option<Cursor>,
        /// Which they are.
        own: Own,
    },
    /// Every job that may run on one of the partitions or is charged to one of the accounts.
    ReadJobsAt {
        /// Partitions; a waiting job may name several.
        partitions: Vec<String>,
        /// Accounts.
        accounts: Vec<String>,
    },
    /// Every reservation.
    ReadReservations,
    /// Make a reservation, or give one that is there this shape.
    PutReservation(NewReservation),
    /// End a reservation; gone already is well.
    RemoveReservation {
        /// Its name.
        name: String,
    },
    /// Would slurmctld take a job that somebody submits past the broker? Nothing is submitted.
    Probe(Doors),
    /// slurmdbd.conf as slurmdbd has it.
    ReadDatabaseSettings,
    /// Every incarnation of the named jobs.
    ReadRecords {
        /// Slurm's job ids.
        job_ids: Vec<u32>,
    },
    /// Every association of the cluster.
    ReadAssociations,
    /// Every association and every QOS of the cluster, of one instant.
    ReadCluster,
    /// Every run of the cluster that made way for another job.
    ReadPreempted {
        /// First second, since the epoch.
        from: i64,
        /// The second after the last.
        until: i64,
    },
    /// Every run that ended in a stretch of time and is the broker's.
    ReadEnded {
        /// First second, since the epoch.
        from: i64,
        /// The second after the last.
        until: i64,
        /// Which jobs are the broker's by their id.
        own: Own,
        /// Accounts whose jobs are the broker's too.
        accounts: Vec<String>,
    },
    /// Slurm's sums of use of some accounts.
    ReadUsage {
        /// First second of the first hour, since the epoch.
        from: i64,
        /// The second after the last.
        until: i64,
        /// Accounts.
        accounts: Vec<String>,
    },
    /// Make an account, or move it.
    PutAccount {
        /// As it shall be.
        account: NewAccount,
        /// The parent it may be taken away from: the one it has within the subtree.
        from: Option<String>,
    },
    /// Set an account's limits.
    PutAccountLimits(AccountLimits),
    /// Let a user run under an account.
    PutUser(UserAssociation),
    /// No longer let a user run under an account.
    RemoveUser {
        /// Slurm account.
        account: String,
        /// User's name.
        user: String,
    },
    /// Make a QOS, or set everything of it.
    PutQos(QosRow),
}

impl Task {
    /// True for a question to slurmdbd, which is counted against its pace; a change is not.
    pub const fn asks_slurmdbd(&self) -> bool {
        matches!(
            self,
            Self::ReadDatabaseSettings
                | Self::ReadRecords { .. }
                | Self::ReadAssociations
                | Self::ReadCluster
                | Self::ReadPreempted { .. }
                | Self::ReadEnded { .. }
                | Self::ReadUsage { .. }
        )
    }

    /// Which worker carries it out.
    pub const fn worker(&self) -> WorkerKind {
        match self {
            Self::Ping
            | Self::ReadSettings
            | Self::Submit(_)
            | Self::Change { .. }
            | Self::CancelStranger { .. }
            | Self::ReadJobs { .. }
            | Self::ReadOwnJobs(_)
            | Self::WatchJobs { .. }
            | Self::ReadJobsAt { .. }
            | Self::ReadReservations
            | Self::PutReservation(_)
            | Self::RemoveReservation { .. }
            | Self::Probe(_) => WorkerKind::Ctl,
            Self::ReadDatabaseSettings
            | Self::ReadRecords { .. }
            | Self::ReadAssociations
            | Self::ReadCluster
            | Self::ReadPreempted { .. }
            | Self::ReadEnded { .. }
            | Self::ReadUsage { .. }
            | Self::PutAccount { .. }
            | Self::PutAccountLimits(_)
            | Self::PutUser(_)
            | Self::RemoveUser { .. }
            | Self::PutQos(_) => WorkerKind::Dbd,
        }
    }
}

/// What a task gives when it succeeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// Done, with nothing to tell.
    Nothing,
    /// To [`Task::ReadSettings`].
    Settings(Box<ControllerSettings>),
    /// To [`Task::Submit`].
    Submitted(Submitted),
    /// To [`Task::Change`]: nothing was changed, because the job's account is not among those named.
    Elsewhere {
        /// The job's account.
        account: Option<String>,
    },
    /// To [`Task::ReadJobs`], [`Task::ReadOwnJobs`] and [`Task::ReadJobsAt`].
    Jobs(Vec<JobRow>),
    /// To [`Task::ReadDatabaseSettings`].
    DatabaseSettings(String),
    /// To [`Task::WatchJobs`].
    Changes(Changes),
    /// To [`Task::ReadUsage`].
    Usage(Vec<AccountUsage>),
    /// To [`Task::ReadRecords`], [`Task::ReadEnded`] and [`Task::ReadPreempted`].
    Records(Vec<JobRecord>),
    /// To [`Task::ReadAssociations`].
    Associations(Vec<Association>),
    /// To [`Task::ReadCluster`].
    Cluster {
        /// Every association.
        associations: Vec<Association>,
        /// Every QOS.
        qos: Vec<QosRow>,
    },
    /// To [`Task::ReadReservations`].
    Reservations(Vec<ReservationRow>),
    /// To [`Task::Probe`].
    Probed(Proof),
}
