//! Requests: what an agency asks for, before anybody has decided.
//!
//! A request never changes. Its state is read from the decision on it: none, approved or rejected.

use chrono::{DateTime, Utc};
use record::GpuSeconds;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{agency::Category, fund::FundPurpose};

mod store;

pub use store::{by_id, list_for_project, list_open, submit};

/// Where data and compute meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "quotas.pattern", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// The job goes where the data are.
    ComputeToData,
    /// The permitted data come to the cluster.
    DataToCompute,
    /// Several places compute and exchange models.
    Federated,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum RequestState {
    /// Nobody has decided.
    Open,
    /// Became a grant.
    Approved {
        /// The decision.
        decision_id: Uuid,
    },
    /// Became nothing.
    Rejected {
        /// The decision.
        decision_id: Uuid,
    },
}

/// A request as it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// Chosen by the client.
    pub request_id: Uuid,
    /// Who the work is for.
    pub project_id: Uuid,
    /// Who sent it.
    pub requested_by: Uuid,
    /// What it is for; free text.
    pub purpose: String,
    /// The class of GPU capacity.
    pub class: String,
    /// How much time in all.
    pub gpu_seconds: GpuSeconds,
    /// The most GPUs in use at one time.
    pub gpus_at_once: i64,
    /// The longest single job.
    pub longest_run_s: i64,
    /// From when.
    pub from: DateTime<Utc>,
    /// Until when.
    pub until: DateTime<Utc>,
    /// Where data and compute meet.
    pub pattern: Pattern,
    /// The way of asking whose bounds it keeps, where it names one.
    pub access_mode_id: Option<Uuid>,
    /// When it was sent.
    pub submitted_at: DateTime<Utc>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: RequestState,
}

/// A request to send.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// Chosen by the client; repeating a request with the same id changes nothing.
    pub request_id: Uuid,
    /// Who the work is for.
    pub project_id: Uuid,
    /// Who sends it.
    pub requested_by: Uuid,
    /// What it is for; free text.
    pub purpose: String,
    /// The class of GPU capacity.
    pub class: String,
    /// How much time in all; more than nothing.
    pub gpu_seconds: GpuSeconds,
    /// The most GPUs in use at one time; at least 1.
    pub gpus_at_once: i64,
    /// The longest single job; at least 1 second.
    pub longest_run_s: i64,
    /// From when.
    pub from: DateTime<Utc>,
    /// Until when.
    pub until: DateTime<Utc>,
    /// Where data and compute meet.
    pub pattern: Pattern,
    /// The way of asking whose bounds it keeps.
    pub access_mode_id: Option<Uuid>,
}

/// Why a request was not taken.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The id belongs to a request with other particulars.
    #[error("request id {0} was used before for another request; choose a new id")]
    RequestIdReused(Uuid),
    /// The project is not known.
    #[error("project {0} does not exist")]
    NoSuchProject(Uuid),
    /// Nobody sends a request in somebody else's name.
    #[error("person {actor} cannot send a request in the name of person {requested_by}")]
    NotTheRequester {
        /// Who sent it.
        actor: Uuid,
        /// Whose name it carries.
        requested_by: Uuid,
    },
    /// A text is empty.
    #[error("request {request_id} has no {field}; say it in a few words")]
    RequestTextMissing {
        /// The request.
        request_id: Uuid,
        /// Which text.
        field: &'static str,
    },
    /// An amount is nothing.
    #[error(
        "request {0} asks for nothing; GPU-seconds, GPUs at once and the longest run must each be \
         at least 1"
    )]
    RequestEmpty(Uuid),
    /// The period ends before it begins.
    #[error(
        "request {request_id} asks for {from} until {until}; the end must come after the start"
    )]
    RequestWindowBackward {
        /// The request.
        request_id: Uuid,
        /// From when.
        from: DateTime<Utc>,
        /// Until when.
        until: DateTime<Utc>,
    },
    /// The access mode is not known.
    #[error("access mode {0} does not exist; choose one that the fund offers")]
    NoSuchAccessMode(Uuid),
    /// The access mode is one of a fund for others.
    #[error(
        "access mode {access_mode_id} is for {fund_purpose:?} and the agency is of category \
         {category:?}; choose a mode of a fund that may pay"
    )]
    AccessModeForOthers {
        /// The mode.
        access_mode_id: Uuid,
        /// What its fund's money is for.
        fund_purpose: FundPurpose,
        /// What kind of applicant the agency is.
        category: Category,
    },
    /// More or less time than the access mode allows.
    #[error("access mode `{mode}` is for {min} to {max} and the request is for {asked}")]
    OutsideAccessModeTime {
        /// The mode's name.
        mode: String,
        /// What is asked for.
        asked: GpuSeconds,
        /// The least.
        min: GpuSeconds,
        /// The most.
        max: GpuSeconds,
    },
    /// A longer period than the access mode allows.
    #[error(
        "access mode `{mode}` is for {max_days} days at most, so until {latest_end}; the request \
         asks for time until {until}"
    )]
    BeyondAccessModeLength {
        /// The mode's name.
        mode: String,
        /// The longest period, in days.
        max_days: i64,
        /// The end that is asked for.
        until: DateTime<Utc>,
        /// The latest end allowed.
        latest_end: DateTime<Utc>,
    },
    /// The database refused or could not be reached.
    #[error("reading or writing requests")]
    Database(#[from] sqlx::Error),
}

impl RequestError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RequestIdReused(_) => "request_id_reused",
            Self::NoSuchProject(_) => "no_such_project",
            Self::NotTheRequester { .. } => "not_the_requester",
            Self::RequestTextMissing { .. } => "request_text_missing",
            Self::RequestEmpty(_) => "request_empty",
            Self::RequestWindowBackward { .. } => "request_window_backward",
            Self::NoSuchAccessMode(_) => "no_such_access_mode",
            Self::AccessModeForOthers { .. } => "access_mode_for_others",
            Self::OutsideAccessModeTime { .. } => "outside_access_mode_time",
            Self::BeyondAccessModeLength { .. } => "beyond_access_mode_length",
            Self::Database(_) => "quotas_database",
        }
    }
}
