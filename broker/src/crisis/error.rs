//! Why crisis mode was refused.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Why a crisis was not proposed, confirmed or ended.
#[derive(Debug, thiserror::Error)]
pub enum CrisisError {
    /// No crisis has the id.
    #[error("there is no crisis {0}; list them with `mimer crisis list`")]
    NoSuchCrisis(Uuid),
    /// No project has the id.
    #[error("there is no project {0}; name projects by their short names")]
    NoSuchProject(Uuid),
    /// Same id, other crisis.
    #[error("crisis id {0} was used before for another proposal; choose a new id")]
    CrisisIdReused(Uuid),
    /// Nobody goes first.
    #[error("the crisis names no project; name at least one that shall go first")]
    NoProject,
    /// Nobody said why.
    #[error("crisis mode needs a reason; say what has happened")]
    NoReason,
    /// The end is in the past or too far away.
    #[error("a crisis cannot end at {ends_at}: choose an end after now and not after {latest}")]
    EndOutOfRange {
        /// The end that was asked for.
        ends_at: DateTime<Utc>,
        /// The latest end.
        latest: DateTime<Utc>,
    },
    /// One person cannot do both.
    #[error(
        "person {person_id} proposed crisis {crisis_id} and cannot confirm it: crisis mode takes \
         two people; ask somebody else"
    )]
    TakesTwo {
        /// The crisis.
        crisis_id: Uuid,
        /// Who wanted to do both.
        person_id: Uuid,
    },
    /// A person works in a project that would go first.
    #[error(
        "person {person_id} works or has worked in project {project_id} and cannot put it first; \
         ask somebody who does not"
    )]
    OwnProject {
        /// The project.
        project_id: Uuid,
        /// Who.
        person_id: Uuid,
    },
    /// Another person confirmed it before.
    #[error("crisis {0} is confirmed already")]
    AlreadyConfirmed(Uuid),
    /// It is past its end.
    #[error("crisis {crisis_id} was over at {ends_at} or was ended before; propose a new one")]
    Over {
        /// The crisis.
        crisis_id: Uuid,
        /// Its end.
        ends_at: DateTime<Utc>,
    },
    /// The database failed.
    #[error("reading or writing crises")]
    Database(#[from] sqlx::Error),
}

impl CrisisError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchCrisis(_) => "no_such_crisis",
            Self::NoSuchProject(_) => "crisis_no_such_project",
            Self::CrisisIdReused(_) => "crisis_id_reused",
            Self::NoProject => "crisis_no_project",
            Self::NoReason => "crisis_no_reason",
            Self::EndOutOfRange { .. } => "crisis_end_out_of_range",
            Self::TakesTwo { .. } => "crisis_takes_two",
            Self::OwnProject { .. } => "crisis_own_project",
            Self::AlreadyConfirmed(_) => "crisis_already_confirmed",
            Self::Over { .. } => "crisis_over",
            Self::Database(_) => "crisis_database",
        }
    }
}
