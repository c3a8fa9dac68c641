//! Why a link was not opened, or did not move.

use std::path::PathBuf;

use quotas::permit::PermitRefusal;
use quotas::project::DataClass;
use uuid::Uuid;

use crate::path::PathFault;

/// Why a link was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such environment.
    #[error("environment {0} is not known; ask the operator which there are")]
    NoSuchEnvironment(Uuid),
    /// No such project.
    #[error("project {0} is not known")]
    LinkForUnknownProject(Uuid),
    /// The permit does not allow it, or is not there.
    #[error(transparent)]
    Permit(#[from] PermitRefusal),
    /// The permit is somebody else's.
    #[error("permit {permit_id} is for another project than {project_id}; use the project's own")]
    PermitOfAnotherProject {
        /// Which permit.
        permit_id: Uuid,
        /// Which project asked.
        project_id: Uuid,
    },
    /// The environment does not serve projects of this class.
    #[error("environment {environment} gives no data to projects of class {class:?}")]
    ClassNotServed {
        /// Which environment.
        environment: String,
        /// The project's class.
        class: DataClass,
    },
    /// The directory at the source cannot be named safely.
    #[error("the source path is refused: {0}")]
    SourcePath(PathFault),
    /// The area is not a plain absolute path.
    #[error("area {0} must be an absolute path without `..` or quotes")]
    AreaPath(PathBuf),
    /// Another link fills the area.
    #[error("area {0} belongs to another link; choose a directory of its own")]
    AreaTaken(PathBuf),
    /// The bounds let nothing or nonsense through.
    #[error("link {link_id} is refused: {what}")]
    Bounds {
        /// Which link.
        link_id: Uuid,
        /// What is wrong.
        what: &'static str,
    },
    /// The id belongs to another link.
    #[error("link id {0} was used before for a different link; choose a new id")]
    LinkIdReused(Uuid),
    /// The database failed.
    #[error("reading or writing links")]
    Database(#[from] sqlx::Error),
}

/// Why a link did not move.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No such link.
    #[error("link {0} is not known")]
    NoSuchLink(Uuid),
    /// A link that has ended cannot be fetched.
    #[error("link {link_id} is {state} and cannot be fetched; open a new link")]
    NotFetchable {
        /// Which.
        link_id: Uuid,
        /// How it ended.
        state: &'static str,
    },
    /// The id belongs to an earlier try.
    #[error("transfer id {0} was used before; each try has its own")]
    TransferIdReused(Uuid),
    /// A report for a link that nobody began to fetch.
    #[error("link {link_id} is {state}; there is no transfer {transfer_id} of it to report on")]
    NotFetching {
        /// Which link.
        link_id: Uuid,
        /// Which transfer.
        transfer_id: Uuid,
        /// Where the link stands.
        state: &'static str,
    },
    /// A report says that data is verified but not against what.
    #[error("the report of transfer {0} says verified but names no manifest; it is a bug")]
    ReportIncomplete(Uuid),
    /// The database failed.
    #[error("reading or writing links")]
    Database(#[from] sqlx::Error),
}

impl OpenError {
    /// Stable code for the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchEnvironment(_) => "environment_unknown",
            Self::LinkForUnknownProject(_) => "link_project_unknown",
            Self::Permit(refusal) => refusal.code(),
            Self::PermitOfAnotherProject { .. } => "permit_of_another_project",
            Self::ClassNotServed { .. } => "environment_class_not_served",
            Self::SourcePath(_) => "link_source_path",
            Self::AreaPath(_) => "link_area_path",
            Self::AreaTaken(_) => "link_area_taken",
            Self::Bounds { .. } => "link_bounds",
            Self::LinkIdReused(_) => "link_id_reused",
            Self::Database(_) => "internal",
        }
    }
}

impl LinkError {
    /// Stable code for the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchLink(_) => "link_unknown",
            Self::NotFetchable { .. } => "link_not_fetchable",
            Self::TransferIdReused(_) => "transfer_id_reused",
            Self::NotFetching { .. } => "link_not_fetching",
            Self::ReportIncomplete(_) => "report_incomplete",
            Self::Database(_) => "internal",
        }
    }
}
