//! Why a job did not get more time.

use accounting::hold::ExtendError;
use quotas::admission::{Refusal, SnapshotError};
use uuid::Uuid;

use crate::plan::wish::WishError;

/// Why a job did not get more time.
#[derive(Debug, thiserror::Error)]
pub enum ExtensionError {
    /// The job is over, being cancelled, or not there.
    #[error(transparent)]
    Wish(#[from] WishError),
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The ledger says no.
    #[error(transparent)]
    Hold(#[from] ExtendError),
    /// No time, less than none, or beyond a year.
    #[error(
        "an extension adds 1 second to 366 days, not {0} seconds; a shorter time is not offered"
    )]
    BadLength(i64),
    /// The one before has not been answered.
    #[error("another extension of job plan {0} is on its way to Slurm; ask again when it is there")]
    OnItsWay(Uuid),
    /// Same id, other extension.
    #[error("extension id {0} was used before for another extension; choose a new id")]
    ExtensionIdReused(Uuid),
    /// What the decision rests on could not be read.
    #[error("reading what the decision rests on")]
    Snapshot(#[source] SnapshotError),
    /// The database failed.
    #[error("reading or writing extensions")]
    Database(#[from] sqlx::Error),
}

impl ExtensionError {
    /// The stable code of the refusal; of the rules' own, [`Refusal::code`] says more.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Wish(wish) => wish.code(),
            Self::Refused(refusal) => refusal.code(),
            Self::Hold(refused) => refused.code(),
            Self::BadLength(_) => "extension_length_not_valid",
            Self::OnItsWay(_) => "extension_on_its_way",
            Self::ExtensionIdReused(_) => "job_extension_id_reused",
            Self::Snapshot(_) | Self::Database(_) => "extension_database",
        }
    }
}
