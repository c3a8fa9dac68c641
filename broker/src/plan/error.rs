//! Why a plan was not admitted.

use accounting::hold::PlaceError;
use chrono::{DateTime, Utc};
use quotas::admission::{Refusal, SnapshotError};
use uuid::Uuid;

use super::need::MOST_NEEDS;
use super::spec::MOST_TASKS;
use crate::accounts::AccountError;

/// Why a plan was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Somebody else took the last of the grant between the decision and the hold.
    #[error(transparent)]
    Hold(#[from] PlaceError),
    /// Same id, other plan.
    #[error("job plan id {0} was used before for another plan; choose a new id")]
    JobPlanIdReused(Uuid),
    /// A link that is not there, or is another project's.
    #[error("link {0} does not belong to this project; list the project's links")]
    NoSuchLink(Uuid),
    /// The script would not pass `sbatch`.
    #[error("the script {0}")]
    BadScript(&'static str),
    /// The name is empty or too long.
    #[error("a job's name is 1 to 64 letters, digits, dots, dashes or underscores")]
    BadName,
    /// The person cannot run here yet.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The cluster could not run the project's jobs as it must.
    #[error("Slurm is not set up for this project's jobs; the operator must mend it: {0}")]
    SettingsWrong(String),
    /// The pool that would pay is on a cluster that mimerd does not speak to.
    #[error(
        "the pool that would pay is on cluster {0:?}, which is not in the broker's configuration; \
         the operator must add it"
    )]
    NoSuchCluster(String),
    /// Tasks that no array has.
    #[error("an array has 1 to {MOST_TASKS} tasks, of which at least 1 runs at once")]
    BadTasks,
    /// A plan that is not there, or is another project's.
    #[error("job plan {0} is not one of this project's; a job can only wait for its project's own")]
    NoSuchNeed(Uuid),
    /// The same plan twice among those to wait for, or more of them than can be waited for.
    #[error("name each of the at most {MOST_NEEDS} job plans to wait for once")]
    BadNeeds,
    /// What it is to wait for has ended otherwise.
    #[error("{0}; it would wait for ever")]
    NeverMet(String),
    /// It was to begin before now.
    #[error("{0} is in the past; leave the begin out to start as soon as possible")]
    BeginsInThePast(DateTime<Utc>),
    /// It would begin so late that it could not end before its grants do.
    #[error("it must begin by {latest} to end before its grants do, not at {begin_at}")]
    #[expect(missing_docs, reason = "the sentence says it")]
    BeginsTooLate { begin_at: DateTime<Utc>, latest: DateTime<Utc> },
    /// The range of job ids is used up.
    #[error("the broker has no Slurm job ids left; the operator must raise clusters.job_ids")]
    NoJobIds,
    /// What the decision rests on could not be read.
    #[error("reading what the decision rests on")]
    Snapshot(#[from] SnapshotError),
    /// The database failed.
    #[error("reading or writing job plans")]
    Database(#[from] sqlx::Error),
}

impl PlanError {
    /// Whether the transaction can go on: nothing failed, the answer is only no.
    pub(super) const fn is_a_no(&self) -> bool {
        match self {
            Self::Refused(_)
            | Self::NoSuchLink(_)
            | Self::Account(_)
            | Self::SettingsWrong(_)
            | Self::NoSuchCluster(_)
            | Self::BadScript(_)
            | Self::BadName
            | Self::BadTasks
            | Self::NoSuchNeed(_)
            | Self::BadNeeds
            | Self::NeverMet(_)
            | Self::BeginsInThePast(_)
            | Self::BeginsTooLate { .. }
            | Self::JobPlanIdReused(_) => true,
            Self::Hold(_) | Self::NoJobIds | Self::Snapshot(_) | Self::Database(_) => false,
        }
    }
}
