//! Projects: who the work is for, and the people in it.
//!
//! A project is the unit that has grants, permits and links, and that Slurm knows as one account.
//! Membership is kept as a history: a person who leaves and comes back has two rows, so that "was
//! ever a member" can be answered when somebody is to decide on the project.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::name::{Slug, SlurmAccount};

mod member;
mod store;

pub(crate) use member::lock;
pub use member::{add_member, is_member, members, remove_member, was_ever_member};
pub use store::{by_id, by_slug, create, list, list_for_agency, list_for_person};

/// The partition that may hold protected data.
pub const CONFIDENTIAL_PARTITION: &str = "confidential";

/// How protected the project's data are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "quotas.data_class", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum DataClass {
    /// No permit is needed and output may be shown.
    Open,
    /// Needs a permit, runs on the confidential partition only, and output is data.
    Confidential,
}

impl DataClass {
    /// Whether work of this class may run on `partition`.
    pub fn may_run_on(self, partition: &str) -> bool {
        match self {
            Self::Open => true,
            Self::Confidential => partition == CONFIDENTIAL_PARTITION,
        }
    }
}

/// A project as the broker knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Project {
    /// Chosen by the client.
    pub project_id: Uuid,
    /// Who asks and pays.
    pub agency_id: Uuid,
    /// The short name, unique among projects.
    pub slug: Slug,
    /// What people call it; free text.
    pub title: String,
    /// How protected its data are.
    pub data_class: DataClass,
    /// Who decides over its data and may stop it.
    pub controller_person_id: Uuid,
    /// The account Slurm knows it by, unique among projects.
    pub slurm_account: SlurmAccount,
    /// When it was created.
    pub created_at: DateTime<Utc>,
}

/// A project to create.
#[derive(Clone, Debug)]
pub struct NewProject {
    /// Chosen by the client; repeating a request with the same id changes nothing.
    pub project_id: Uuid,
    /// Who asks and pays.
    pub agency_id: Uuid,
    /// The short name, unique among projects.
    pub slug: Slug,
    /// What people call it; free text.
    pub title: String,
    /// How protected its data are.
    pub data_class: DataClass,
    /// Who decides over its data and may stop it; never a member.
    pub controller_person_id: Uuid,
    /// The account Slurm knows it by, unique among projects.
    pub slurm_account: SlurmAccount,
}

/// Why a project or its membership was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The id belongs to a project with other particulars.
    #[error("project id {0} was used before for another project; choose a new id")]
    ProjectIdReused(Uuid),
    /// Another project has the short name.
    #[error("the short name `{0}` is taken by another project; choose another")]
    SlugTaken(Slug),
    /// Another project has the account.
    #[error("the Slurm account `{0}` is taken by another project; choose another")]
    SlurmAccountTaken(SlurmAccount),
    /// The agency is not known.
    #[error("agency {0} does not exist; create it first")]
    NoSuchAgency(Uuid),
    /// The project is not known.
    #[error("project {0} does not exist")]
    NoSuchProject(Uuid),
    /// The title is empty.
    #[error("project {0} has no title; give one that its people recognise")]
    TitleMissing(Uuid),
    /// Who decides over the data does not compute on them.
    #[error(
        "person {person_id} is the data controller of project {project_id} and cannot be a member \
         of it; name another controller or another member"
    )]
    ControllerCannotBeMember {
        /// The project.
        project_id: Uuid,
        /// Its controller.
        person_id: Uuid,
    },
    /// Who decided on the project's requests does not work in it.
    #[error(
        "person {person_id} decided on a request of project {project_id} and cannot become a \
         member of it"
    )]
    DeciderCannotBeMember {
        /// The project.
        project_id: Uuid,
        /// Who decided.
        person_id: Uuid,
    },
    /// The database refused or could not be reached.
    #[error("reading or writing projects")]
    Database(#[from] sqlx::Error),
}

impl ProjectError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ProjectIdReused(_) => "project_id_reused",
            Self::SlugTaken(_) => "slug_taken",
            Self::SlurmAccountTaken(_) => "slurm_account_taken",
            Self::NoSuchAgency(_) => "no_such_agency",
            Self::NoSuchProject(_) => "no_such_project",
            Self::TitleMissing(_) => "project_title_missing",
            Self::ControllerCannotBeMember { .. } => "controller_cannot_be_member",
            Self::DeciderCannotBeMember { .. } => "decider_cannot_be_member",
            Self::Database(_) => "quotas_database",
        }
    }
}
