//! Following slurmctld: only what changed passes the wire, however many jobs it has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::JobRow;

/// How far a caller has followed. Only the gateway's worker that gave it out can read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Which life of the worker; a new worker begins with everything.
    pub life: u64,
    /// How many changes it had seen.
    pub step: u64,
}

/// What has changed of the broker's jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// To be sent with the next question.
    pub cursor: Cursor,
    /// True when `jobs` is everything that slurmctld knows: what is not in it, it does not know.
    pub whole: bool,
    /// Jobs as they are now; a task of an array has a row of its own once Slurm has split it off.
    pub jobs: Vec<JobRow>,
    /// Slurm's own ids ([`JobRow::job_id`]) of rows that slurmctld no longer has.
    pub gone: Vec<u32>,
}

/// What one account used in a stretch of time, by Slurm's own sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountUsage {
    /// Slurm account.
    pub account: String,
    /// TRES-seconds by name, as `gres/gpu`.
    pub tres_seconds: BTreeMap<String, u64>,
}
