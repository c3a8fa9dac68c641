//! Why a permit does not allow what is asked, and why one was not recorded.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Why a permit does not allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermitRefusal {
    /// There is no such permit.
    #[error("there is no permit {permit_id}; have it recorded first")]
    Missing {
        /// The permit asked for.
        permit_id: Uuid,
    },
    /// It was revoked.
    #[error("permit {permit_id} was revoked at {revoked_at}; ask the issuer for a new one")]
    Revoked {
        /// The permit.
        permit_id: Uuid,
        /// Since when.
        revoked_at: DateTime<Utc>,
    },
    /// Its period has not begun.
    #[error("permit {permit_id} is not valid before {valid_from}")]
    NotYetValid {
        /// The permit.
        permit_id: Uuid,
        /// From when.
        valid_from: DateTime<Utc>,
    },
    /// Its period is over.
    #[error("permit {permit_id} expired at {valid_until}; ask the issuer to renew it")]
    Expired {
        /// The permit.
        permit_id: Uuid,
        /// Since when.
        valid_until: DateTime<Utc>,
    },
    /// The person is not among its persons.
    #[error("permit {permit_id} does not name person {person_id}; ask the issuer to add them")]
    PersonNotNamed {
        /// The permit.
        permit_id: Uuid,
        /// Who asked.
        person_id: Uuid,
    },
    /// The dataset is not among its datasets.
    #[error("permit {permit_id} does not cover dataset `{dataset}`")]
    DatasetNotNamed {
        /// The permit.
        permit_id: Uuid,
        /// What was asked for.
        dataset: String,
    },
    /// The environment is not among its environments.
    #[error("permit {permit_id} does not name environment `{environment}`")]
    EnvironmentNotNamed {
        /// The permit.
        permit_id: Uuid,
        /// Where it was to be.
        environment: String,
    },
}

impl PermitRefusal {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "permit_missing",
            Self::Revoked { .. } => "permit_revoked",
            Self::NotYetValid { .. } => "permit_not_yet_valid",
            Self::Expired { .. } => "permit_expired",
            Self::PersonNotNamed { .. } => "person_not_in_permit",
            Self::DatasetNotNamed { .. } => "dataset_not_in_permit",
            Self::EnvironmentNotNamed { .. } => "environment_not_in_permit",
        }
    }
}

/// Why a permit was not recorded or revoked.
#[derive(Debug, thiserror::Error)]
pub enum PermitError {
    /// The id belongs to a permit with other particulars.
    #[error("permit id {0} was used before for another permit; choose a new id")]
    PermitIdReused(Uuid),
    /// The permit is not known.
    #[error("permit {0} does not exist")]
    NoSuchPermit(Uuid),
    /// The project is not known.
    #[error("project {0} does not exist")]
    NoSuchProject(Uuid),
    /// Something an authority always states is empty.
    #[error("permit {permit_id} states no {field}; copy it from the authority's decision")]
    PermitIncomplete {
        /// The permit.
        permit_id: Uuid,
        /// What is missing.
        field: &'static str,
    },
    /// The period ends before it begins.
    #[error(
        "permit {permit_id} would expire at {valid_until}, not after its start at {valid_from}"
    )]
    PermitWindowBackward {
        /// The permit.
        permit_id: Uuid,
        /// Its start.
        valid_from: DateTime<Utc>,
        /// Its end.
        valid_until: DateTime<Utc>,
    },
    /// The database refused or could not be reached.
    #[error("reading or writing permits")]
    Database(#[from] sqlx::Error),
}

impl PermitError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PermitIdReused(_) => "permit_id_reused",
            Self::NoSuchPermit(_) => "no_such_permit",
            Self::NoSuchProject(_) => "no_such_project",
            Self::PermitIncomplete { .. } => "permit_incomplete",
            Self::PermitWindowBackward { .. } => "permit_window_backward",
            Self::Database(_) => "quotas_database",
        }
    }
}
