//! What one record of slurmdbd stands for: computed here, not by the watcher that charged it.

use chrono::{DateTime, Utc};
use slurm_wire::JobRecord;

/// A run of GPUs, over or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RunTime {
    pub(super) started_at: DateTime<Utc>,
    /// `None` while it runs, or for as long as slurmdbd has no end of it.
    pub(super) ended_at: Option<DateTime<Utc>>,
    pub(super) gpu_count: i64,
    pub(super) suspended_s: i64,
}

impl RunTime {
    /// The run of a record; `None` if it never started.
    pub(super) fn of(record: &JobRecord) -> Option<Self> {
        let started_at = instant(record.started_at.filter(|at| *at > 0)?)?;
        let ended_at = record.ended_at.filter(|at| *at > 0 && record.state.is_over());
        Some(Self {
            started_at,
            ended_at: ended_at.and_then(instant),
            gpu_count: gpus(record),
            suspended_s: i64::try_from(record.suspended_s).unwrap_or(i64::MAX),
        })
    }

    /// GPUs × seconds of a run that is over, without those it was suspended for.
    pub(super) fn gpu_seconds(&self) -> i64 {
        let Some(ended_at) = self.ended_at else { return 0 };
        let seconds = (ended_at - self.started_at).num_seconds().saturating_sub(self.suspended_s);
        self.gpu_count.saturating_mul(seconds.max(0))
    }
}

/// Whether slurmdbd has taken in the whole of it: its end, and how it started if it did.
pub(super) fn is_final(record: &JobRecord) -> bool {
    let is_told = record.partition.as_deref().is_some_and(|name| !name.is_empty());
    let complete = match RunTime::of(record) {
        None => true,
        Some(run) => is_told && run.gpu_count > 0,
    };
    record.state.is_over() && record.ended_at.is_some_and(|at| at > 0) && complete
}

/// The untyped count if Slurm kept one, else the sum of the typed.
fn gpus(record: &JobRecord) -> i64 {
    let typed = record.tres.iter().filter(|(name, _)| name.starts_with("gres/gpu:"));
    let count = match record.tres.get("gres/gpu") {
        Some(untyped) => *untyped,
        None => typed.map(|(_, count)| *count).sum(),
    };
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn instant(seconds: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds, 0)
}
