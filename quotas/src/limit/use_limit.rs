//! How many GPUs and jobs an agency or a project may have at once.
//!
//! A limit is of one class or, without a class, of all classes together; those of the agency and of
//! the project all apply. It bounds what waits and runs, not what is left of a grant. Who counts use
//! against a limit holds the agency's [`lock`], or two submissions would pass the same count.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::inconsistency::Inconsistency;

mod store;
#[cfg(test)]
mod tests;

pub use store::{current_for, history, list, lock, set};

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All projects of the agency together.
    Agency(Uuid),
    /// One project.
    Project(Uuid),
}

/// A limit as the broker knows it. Without figures it lifts the limit before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UseLimit {
    /// Chosen by the client.
    pub use_limit_id: Uuid,
    /// Whose.
    pub scope: Scope,
    /// The class it bounds; `None`: all classes together.
    pub class: Option<String>,
    /// The most GPUs of waiting and running jobs; `None`: not limited.
    pub gpus_at_once: Option<i64>,
    /// The most waiting and running jobs; `None`: not limited.
    pub jobs_at_once: Option<i64>,
    /// Who set it; `None` when a program did.
    pub set_by: Option<Uuid>,
    /// When.
    pub set_at: DateTime<Utc>,
}

/// A limit to set, in place of the one of the same holder and class.
#[derive(Clone, Debug)]
pub struct NewUseLimit {
    /// Chosen by the client; repeating a request with the same id changes nothing.
    pub use_limit_id: Uuid,
    /// Whose.
    pub scope: Scope,
    /// The class it bounds; `None`: all classes together.
    pub class: Option<String>,
    /// The most GPUs at once, at least 1; `None`: not limited.
    pub gpus_at_once: Option<i64>,
    /// The most jobs at once, at least 1; `None`: not limited.
    pub jobs_at_once: Option<i64>,
}

/// Why a limit was not set.
#[derive(Debug, thiserror::Error)]
pub enum UseLimitError {
    /// The id belongs to another limit.
    #[error("use limit id {0} was used before for another limit; choose a new id")]
    UseLimitIdReused(Uuid),
    /// The agency is not known.
    #[error("agency {0} does not exist")]
    NoSuchAgency(Uuid),
    /// The project is not known.
    #[error("project {0} does not exist")]
    NoSuchProject(Uuid),
    /// A limit that would allow nothing, or a class without a name.
    #[error(
        "use limit {use_limit_id} gives {figure} for {field}; give at least 1, or leave it out for \
         no limit"
    )]
    UseLimitNotValid {
        /// The limit.
        use_limit_id: Uuid,
        /// The figure that cannot be.
        field: &'static str,
        /// What it is.
        figure: i64,
    },
    /// The class is named, but with nothing.
    #[error("use limit {0} names an empty class; name one, or leave it out for all classes")]
    UseLimitClassMissing(Uuid),
    /// The database refused or could not be reached.
    #[error("reading or writing limits of use at once")]
    Database(#[from] sqlx::Error),
}

impl UseLimitError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UseLimitIdReused(_) => "use_limit_id_reused",
            Self::NoSuchAgency(_) => "no_such_agency",
            Self::NoSuchProject(_) => "no_such_project",
            Self::UseLimitNotValid { .. } => "use_limit_not_valid",
            Self::UseLimitClassMissing(_) => "use_limit_class_missing",
            Self::Database(_) => "quotas_database",
        }
    }
}

impl NewUseLimit {
    /// Whether it names a class, if any, and allows something.
    fn is_valid(&self) -> Result<(), UseLimitError> {
        let use_limit_id = self.use_limit_id;
        if self.class.as_ref().is_some_and(|class| class.trim().is_empty()) {
            return Err(UseLimitError::UseLimitClassMissing(use_limit_id));
        }
        let figures = [("gpus_at_once", self.gpus_at_once), ("jobs_at_once", self.jobs_at_once)];
        for (field, figure) in figures {
            if let Some(figure) = figure.filter(|figure| *figure < 1) {
                return Err(UseLimitError::UseLimitNotValid { use_limit_id, field, figure });
            }
        }
        Ok(())
    }
}

impl UseLimit {
    /// Whether `new` asks for just this limit.
    fn is(&self, new: &NewUseLimit) -> bool {
        self.use_limit_id == new.use_limit_id
            && self.scope == new.scope
            && self.class == new.class
            && self.gpus_at_once == new.gpus_at_once
            && self.jobs_at_once == new.jobs_at_once
    }

    /// Whether use of `class` counts against it.
    pub fn bounds(&self, class: &str) -> bool {
        self.class.as_deref().is_none_or(|bounded| bounded == class)
    }
}

/// A limit as the table and the admission snapshot have it.
#[derive(Deserialize)]
pub(crate) struct UseLimitRow {
    use_limit_id: Uuid,
    agency_id: Option<Uuid>,
    project_id: Option<Uuid>,
    class: Option<String>,
    gpus_at_once: Option<i64>,
    jobs_at_once: Option<i64>,
    set_by: Option<Uuid>,
    set_at: DateTime<Utc>,
}

impl TryFrom<UseLimitRow> for UseLimit {
    type Error = Inconsistency;

    fn try_from(row: UseLimitRow) -> Result<Self, Inconsistency> {
        let scope = match (row.agency_id, row.project_id) {
            (Some(agency_id), None) => Scope::Agency(agency_id),
            (None, Some(project_id)) => Scope::Project(project_id),
            (None, None) | (Some(_), Some(_)) => {
                let (table, column) = ("quotas.use_limit", "agency_id, project_id");
                return Err(Inconsistency { table, column, row: row.use_limit_id });
            }
        };
        Ok(Self {
            use_limit_id: row.use_limit_id,
            scope,
            class: row.class,
            gpus_at_once: row.gpus_at_once,
            jobs_at_once: row.jobs_at_once,
            set_by: row.set_by,
            set_at: row.set_at,
        })
    }
}
