//! The closed list of effects.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Something to be done outside PostgreSQL, after the commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// Put an attempt's job into Slurm, held, under its own id.
    Submit {
        /// The attempt.
        attempt_id: Uuid,
    },
    /// Let a held job start.
    Release {
        /// The attempt.
        attempt_id: Uuid,
    },
    /// Cancel an attempt's job.
    Cancel {
        /// The attempt.
        attempt_id: Uuid,
    },
    /// Cancel a job on the broker's partitions or accounts that nobody planned.
    CancelStranger {
        /// The exception that it was kept as.
        exception_id: Uuid,
    },
    /// Hold a waiting job again: its agency's policy keeps it from starting.
    Hold {
        /// The attempt.
        attempt_id: Uuid,
    },
    /// Have Slurm look at a waiting job now: a limit that it may have waited for was raised.
    Nudge {
        /// The attempt.
        attempt_id: Uuid,
    },
    /// Give an attempt's job the longer time limit that was set aside for.
    SetTimeLimit {
        /// The attempt.
        attempt_id: Uuid,
        /// The extension that made it longer.
        extension_id: Uuid,
    },
    /// Suspend a running job, as an operator wants it.
    Suspend {
        /// The attempt.
        attempt_id: Uuid,
    },
    /// Let a suspended job go on.
    Resume {
        /// The attempt.
        attempt_id: Uuid,
    },
    /// Cancel a held job that carries an attempt's mark under another id than the attempt's own.
    CancelOrphan {
        /// Slurm's job id.
        job_id: u32,
        /// The mark.
        key: String,
    },
    /// Bring a link's data in and verify it.
    FetchLink {
        /// The link.
        link_id: Uuid,
    },
}

impl Effect {
    /// Its name, for logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Submit { .. } => "submit",
            Self::Release { .. } => "release",
            Self::Cancel { .. } => "cancel",
            Self::CancelStranger { .. } => "cancel_stranger",
            Self::Hold { .. } => "hold",
            Self::Nudge { .. } => "nudge",
            Self::SetTimeLimit { .. } => "set_time_limit",
            Self::Suspend { .. } => "suspend",
            Self::Resume { .. } => "resume",
            Self::CancelOrphan { .. } => "cancel_orphan",
            Self::FetchLink { .. } => "fetch_link",
        }
    }
}
