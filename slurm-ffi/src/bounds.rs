//! The bounds: what any caller may ask for, whoever they are.
//!
//! The gateway trusts nobody, the broker included: everything here is checked against a file that
//! only root can change, by the supervisor, before a worker that may talk to Slurm sees the call.
//! [`Bounds::check_job`] touches nothing but its arguments; only the work directory needs the disk.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use slurm_wire::{JobSpec, Refusal, RefusalCode};

use crate::ours::Own;

mod account;
mod file;
mod job;
mod name;
mod ours;
mod policy;
mod reservation;
mod script;
mod stranger;
mod user;
mod work_dir;

pub use account::AccountTree;
pub use file::{BoundsFile, BoundsFileError, SlurmSection, TlsSection};
pub(crate) use user::uid_of;

/// Slurm reserves job ids from here on for itself (MAX_JOB_ID, 2^26 - 1, in slurm.conf(5)).
const JOB_ID_LIMIT: u32 = 1 << 26;

/// First uid and gid of people: everything below belongs to the system (Debian Policy 9.2.2).
const FIRST_PERSON: u32 = 1000;

/// The section `[bounds]` of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// First uid that jobs may run as; gids obey the same range.
    pub uid_min: u32,
    /// Last uid that jobs may run as.
    pub uid_max: u32,
    /// Root of the broker's account subtree.
    pub account_root: String,
    /// Partitions that jobs may go to.
    pub partitions: Vec<String>,
    /// QOS that jobs may ask for.
    pub qos: Vec<String>,
    /// First job id of the broker.
    pub job_id_min: u32,
    /// Last job id of the broker.
    pub job_id_max: u32,
    /// Directory that every work directory lies in.
    pub work_dir_prefix: PathBuf,
    /// Most GPUs of one job.
    pub max_gpus: u32,
    /// Longest wall time limit, in minutes.
    pub max_wall_time_min: u32,
    /// Most tasks of one array; 1 allows no arrays.
    #[serde(default = "max_tasks")]
    pub max_tasks: u32,
    /// What every key starts with: how the gateway knows the broker's jobs.
    #[serde(default = "key_prefix")]
    pub key_prefix: String,
    /// What the name of every QOS begins with that the broker makes and changes.
    #[serde(default = "object_prefix")]
    pub qos_prefix: String,
    /// What the name of every reservation begins with that the broker makes and changes.
    #[serde(default = "object_prefix")]
    pub reservation_prefix: String,
    /// QOS whose jobs may be made to give way to the broker's, beside the broker's own.
    #[serde(default)]
    pub may_preempt: Vec<String>,
    /// Highest priority of a QOS.
    #[serde(default)]
    pub max_priority: u32,
    /// Nodes that may be set aside.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// Most nodes set aside at once.
    #[serde(default)]
    pub max_set_aside_nodes: u32,
    /// True while the accounts of the whole cluster may be read, to take them over.
    #[serde(default)]
    pub import: bool,
    /// Who tries the door: a user without any right to submit.
    #[serde(default = "probe_uid")]
    pub probe_uid: u32,
}

/// An earlier release's file gives the broker nothing new.
fn max_tasks() -> u32 {
    1
}

fn key_prefix() -> String {
    "mimer:".to_owned()
}

fn object_prefix() -> String {
    "mimer_".to_owned()
}

/// Debian's `nobody`.
fn probe_uid() -> u32 {
    65_534
}

impl Bounds {
    /// Checks everything of a job except its id, which may not be the broker's to choose, and its
    /// account, which needs Slurm's account tree.
    pub fn check_job(&self, spec: &JobSpec) -> Result<(), Refusal> {
        job::check(self, spec)?;
        script::check(&spec.script)?;
        work_dir::check(&self.work_dir_prefix, &spec.work_dir)
    }

    /// Checks that an id is the broker's.
    pub fn check_job_id(&self, job_id: u32) -> Result<(), Refusal> {
        if (self.job_id_min..=self.job_id_max).contains(&job_id) {
            return Ok(());
        }
        Err(refusal(
            RefusalCode::JobIdOutOfRange,
            format!(
                "job {job_id} is not one of the broker's ids {} to {}",
                self.job_id_min, self.job_id_max
            ),
        ))
    }

    /// The broker's jobs, as a worker can tell them.
    pub fn own(&self, explicit_ids: bool) -> Own {
        Own {
            ids: explicit_ids.then_some((self.job_id_min, self.job_id_max)),
            key_prefix: self.key_prefix.clone(),
        }
    }

    /// Checks that a partition is the broker's.
    pub fn check_partition(&self, partition: &str) -> Result<(), Refusal> {
        if self.partitions.iter().any(|own| own == partition) {
            return Ok(());
        }
        Err(refusal(
            RefusalCode::ForeignPartition,
            format!("{partition:?} is not one of the broker's partitions {:?}", self.partitions),
        ))
    }
}

/// A refusal by the gateway itself, without an error of Slurm's.
pub(crate) fn refusal(code: RefusalCode, sentence: impl Into<String>) -> Refusal {
    Refusal { code, sentence: sentence.into(), slurm_errno: None }
}

#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod tests;
