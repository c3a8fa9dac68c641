//! Runs as they were posted: what the ledger says of each incarnation of a Slurm job.
//!
//! For whoever compares the ledger with Slurm. Of every run settled + overrun + not charged is the
//! time it took, whatever was cleared since.

use chrono::{DateTime, Utc};
use record::GpuSeconds;
use uuid::Uuid;

pub use crate::store::run::posted;

/// One run and what became of its time.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RunPosted {
    /// The run.
    pub run_id: Uuid,
    /// The hold it was settled with.
    pub hold_id: Uuid,
    /// Slurm's job id, as the run was recorded with it.
    pub slurm_job_id: i64,
    /// Its key in slurmdbd.
    pub db_index: i64,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// How many GPUs it had.
    pub gpu_count: i64,
    /// What it took.
    pub gpu_seconds: GpuSeconds,
    /// The Slurm state it ended in.
    pub state: String,
    /// Charged to grants, at once or after a clearing.
    pub settled: GpuSeconds,
    /// Above every grant's room, and not cleared yet.
    pub overrun: GpuSeconds,
    /// Charged to nobody: the machine's own fault, or written off.
    pub not_charged: GpuSeconds,
}

impl RunPosted {
    /// Whether all of its time was posted, and no more.
    pub fn adds_up(&self) -> bool {
        let parts = self.settled.checked_add(self.overrun);
        parts.and_then(|sum| sum.checked_add(self.not_charged)) == Some(self.gpu_seconds)
    }
}
