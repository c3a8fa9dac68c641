//! What `mimer-agent` sends to the broker: segments of metered GPU use, and starts of scripts.
//!
//! A batch is POSTed to `/v1/agent/segments` as JSON with the node's bearer token and answered by
//! [`Acknowledged`]. The broker keeps, per node and stream, the highest sequence number below which
//! nothing is missing; the agent deletes from its spool up to there. Sending twice is harmless.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A reading that may be missing, with the reason. Missing is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// The value.
    Value(u64),
    /// The GPU has no such counter.
    Unsupported,
    /// The agent may not read it.
    NoPermission,
    /// The GPU does not answer.
    GpuLost,
    /// Too few samples to say.
    Stale,
}

impl Reading {
    /// The value, if there is one.
    pub const fn value(self) -> Option<u64> {
        match self {
            Self::Value(value) => Some(value),
            Self::Unsupported | Self::NoPermission | Self::GpuLost | Self::Stale => None,
        }
    }
}

/// Up to 60 s of metered use of one GPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Place in the node's stream, from 1, without holes.
    pub seq: u64,
    /// GPU UUID, or MIG instance UUID.
    pub gpu_uuid: String,
    /// Minor number: the N of /dev/nvidiaN, which is Slurm's gres index.
    pub gpu_minor: u32,
    /// Name the driver reports; a simulated one says so.
    pub gpu_name: String,
    /// Wall clock at the start.
    pub started_at: DateTime<Utc>,
    /// Wall clock at the end.
    pub ended_at: DateTime<Utc>,
    /// Length by the monotonic clock, in milliseconds.
    pub duration_ms: u64,
    /// Board energy used, in millijoules.
    pub energy_mj: Reading,
    /// Σ utilization × time, in percent-milliseconds.
    pub utilization_pct_ms: Reading,
    /// Highest memory in use, in MiB.
    pub memory_max_mib: Reading,
    /// Processes seen on the GPU at the last look.
    pub process_count: Reading,
    /// Samples taken.
    pub samples_got: u32,
    /// Samples that should have been taken.
    pub samples_expected: u32,
    /// True when the numbers come from the simulated NVML.
    pub simulated: bool,
}

/// One delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Node name as Slurm has it.
    pub node: String,
    /// Boot id of the kernel.
    pub boot_id: Uuid,
    /// Made with the spool directory; sequence numbers run within one stream.
    pub stream_id: Uuid,
    /// In order of `seq`.
    pub segments: Vec<Segment>,
}

/// The broker's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {
    /// Everything of this node and stream up to and including this number is safe.
    pub through_seq: u64,
}

/// One start of a batch script on this node, as slurmd made it.
///
/// slurmctld may die before it has saved a start, and make it again: the node alone knows of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptStart {
    /// Slurm's own id of the job; of a task, the task's.
    pub slurm_job_id: u32,
    /// Wall clock of the node when slurmd laid the script down. A start told again tells the same.
    pub started_at: DateTime<Utc>,
}

/// Starts, POSTed to `/v1/agent/starts` with the node's bearer token. Sending twice is harmless; any
/// answer of success means that all of them are safe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Starts {
    /// Node name as Slurm has it.
    pub node: String,
    /// At most [`Starts::MOST`].
    pub starts: Vec<ScriptStart>,
}

impl Starts {
    /// Most starts in one delivery.
    pub const MOST: usize = 500;
}
