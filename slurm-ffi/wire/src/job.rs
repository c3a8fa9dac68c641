//! A job to submit, and a job to change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// Seconds since the epoch: Slurm does not start it before.
    #[serde(default)]
    pub begin_at: Option<i64>,
    /// Several tasks of one script; without it, a single job.
    #[serde(default)]
    pub array: Option<TaskArray>,
}

/// Tasks of one script under one job id, numbered from 0; each has the job's GPUs, time and limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskArray {
    /// How many, at least 1.
    pub task_count: u32,
    /// Most of them that run at once; without it, as many as there is room for.
    pub at_once: Option<u32>,
}

/// A job of the broker's that Slurm has: changed only if it carries this very key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OurJob {
    /// Slurm's job id; of an array, the array's.
    pub job_id: u32,
    /// The mark it was submitted with.
    pub key: String,
}

impl JobSpec {
    /// The job as later calls name it.
    pub fn ours(&self) -> OurJob {
        OurJob { job_id: self.job_id, key: self.key.clone() }
    }
}

/// A job that Slurm has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submitted {
    /// Slurm's job id: the one asked for, except where [`crate::Welcome::explicit_ids`] is false.
    pub job_id: u32,
    /// True if the job was already there with our key (an earlier try that went through).
    pub adopted: bool,
}
