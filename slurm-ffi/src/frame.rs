//! What passes between the gateway's supervisor and its workers: JSON lines over pipes.

use serde::{Deserialize, Serialize};
use slurm_wire::{JobRecord, JobRow, JobSpec, Refusal, Submitted};

use crate::association::Association;
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

/// One call to libslurm, already found to be within bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Is slurmctld there?
    Ping,
    /// slurm.conf as slurmctld has it.
    ReadSettings,
    /// Submit one held job.
    Submit(Box<JobSpec>),
    /// Release it.
    Release {
        /// Slurm's job id.
        job_id: u32,
    },
    /// Cancel it.
    Cancel {
        /// Slurm's job id.
        job_id: u32,
    },
    /// Jobs by id; those that slurmctld does not know are left out.
    ReadJobs {
        /// Slurm's job ids.
        job_ids: Vec<u32>,
    },
    /// Every job with an id in a range.
    ReadJobRange {
        /// First id.
        first: u32,
        /// Last id.
        last: u32,
    },
    /// slurmdbd.conf as slurmdbd has it.
    ReadDatabaseSettings,
    /// Every incarnation of the named jobs.
    ReadRecords {
        /// Slurm's job ids.
        job_ids: Vec<u32>,
    },
    /// Every association of the cluster.
    ReadAssociations,
}

impl Task {
    /// Which worker carries it out.
    pub const fn worker(&self) -> WorkerKind {
        match self {
            Self::Ping
            | Self::ReadSettings
            | Self::Submit(_)
            | Self::Release { .. }
            | Self::Cancel { .. }
            | Self::ReadJobs { .. }
            | Self::ReadJobRange { .. } => WorkerKind::Ctl,
            Self::ReadDatabaseSettings | Self::ReadRecords { .. } | Self::ReadAssociations => {
                WorkerKind::Dbd
            }
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
    /// To [`Task::ReadJobs`] and [`Task::ReadJobRange`].
    Jobs(Vec<JobRow>),
    /// To [`Task::ReadDatabaseSettings`].
    DatabaseSettings(String),
    /// To [`Task::ReadRecords`].
    Records(Vec<JobRecord>),
    /// To [`Task::ReadAssociations`].
    Associations(Vec<Association>),
}
