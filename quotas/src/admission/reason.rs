//! The closed list of reasons for which a job plan is refused.
//!
//! Each has a stable code for programs and a sentence for the person who asked: what is wrong, and
//! what to do about it.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::Serialize;
use uuid::Uuid;

use super::words::{kronor_down, kronor_up, moment, span};

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum Reason {
    /// There is no such project.
    UnknownProject,
    /// The person is not a member.
    NotAMember,
    /// No GPUs or no time were asked for.
    NothingAsked,
    /// The project has no grant of the class.
    NoGrant {
        /// The class asked for.
        class: String,
    },
    /// Every grant of the class is over.
    GrantExpired {
        /// When the last one ended.
        ended_at: DateTime<Utc>,
    },
    /// The next grant of the class has not begun.
    GrantNotYetValid {
        /// When it begins.
        begins_at: DateTime<Utc>,
    },
    /// The job could not end before the grant does.
    GrantEndsTooSoon {
        /// When the last grant ends.
        ends_at: DateTime<Utc>,
        /// The wall time asked for.
        asked_s: i64,
    },
    /// The fund's money has ended.
    FundEnded {
        /// When.
        ended_at: DateTime<Utc>,
    },
    /// The environment is not open for users.
    NotOpenYet {
        /// When it opens.
        opens_at: DateTime<Utc>,
    },
    /// More GPUs than one node has.
    TooManyGpusForNode {
        /// GPUs asked for.
        asked: i64,
        /// GPUs in one node.
        per_node: i64,
    },
    /// More GPUs than the grant allows one job.
    TooManyGpusForGrant {
        /// GPUs asked for.
        asked: i64,
        /// GPUs allowed.
        limit: i64,
    },
    /// A longer job than the grant allows.
    WallTimeAboveGrant {
        /// Wall time asked for.
        asked_s: i64,
        /// Wall time allowed.
        limit_s: i64,
    },
    /// No rate card prices the class on the partition today.
    NoPrice {
        /// The class.
        class: String,
        /// The partition.
        partition: String,
    },
    /// The grants have too few GPU-seconds left.
    NotEnoughGpuSeconds {
        /// What the hold needs.
        wanted: GpuSeconds,
        /// What is left.
        available: GpuSeconds,
    },
    /// The grants have too little money left.
    NotEnoughMoney {
        /// What the hold costs at most.
        wanted: MicroSek,
        /// What is left.
        available: MicroSek,
    },
    /// There is no permit for what is asked.
    PermitMissing {
        /// The dataset no permit covers; `None`: the project has no permit at all.
        dataset: Option<String>,
    },
    /// The permit is over.
    PermitExpired {
        /// Which.
        permit_id: Uuid,
        /// Since when.
        expired_at: DateTime<Utc>,
    },
    /// The permit has not begun.
    PermitNotYetValid {
        /// Which.
        permit_id: Uuid,
        /// From when.
        begins_at: DateTime<Utc>,
    },
    /// The permit was revoked.
    PermitRevoked {
        /// Which.
        permit_id: Uuid,
        /// Since when.
        revoked_at: DateTime<Utc>,
    },
    /// The permit does not name the person.
    PersonNotInPermit {
        /// Which.
        permit_id: Uuid,
    },
    /// The permit does not name the environment.
    EnvironmentNotInPermit {
        /// Which.
        permit_id: Uuid,
        /// The environment.
        environment: String,
    },
    /// The permit does not cover the dataset.
    DatasetNotInPermit {
        /// Which.
        permit_id: Uuid,
        /// The dataset.
        dataset: String,
    },
}

impl Reason {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownProject => "unknown_project",
            Self::NotAMember => "not_a_member",
            Self::NothingAsked => "nothing_asked",
            Self::NoGrant { .. } => "no_grant",
            Self::GrantExpired { .. } => "grant_expired",
            Self::GrantNotYetValid { .. } => "grant_not_yet_valid",
            Self::GrantEndsTooSoon { .. } => "grant_ends_too_soon",
            Self::FundEnded { .. } => "fund_ended",
            Self::NotOpenYet { .. } => "not_open_yet",
            Self::TooManyGpusForNode { .. } => "too_many_gpus_for_node",
            Self::TooManyGpusForGrant { .. } => "too_many_gpus_for_grant",
            Self::WallTimeAboveGrant { .. } => "wall_time_above_grant",
            Self::NoPrice { .. } => "no_price",
            Self::NotEnoughGpuSeconds { .. } => "not_enough_gpu_seconds",
            Self::NotEnoughMoney { .. } => "not_enough_money",
            Self::PermitMissing { .. } => "permit_missing",
            Self::PermitExpired { .. } => "permit_expired",
            Self::PermitNotYetValid { .. } => "permit_not_yet_valid",
            Self::PermitRevoked { .. } => "permit_revoked",
            Self::PersonNotInPermit { .. } => "person_not_in_permit",
            Self::EnvironmentNotInPermit { .. } => "environment_not_in_permit",
            Self::DatasetNotInPermit { .. } => "dataset_not_in_permit",
        }
    }

    /// What is wrong and what to do, for the person who asked.
    pub fn sentence(&self) -> String {
        match self {
            Self::UnknownProject => {
                "There is no such project; check its short name, or ask your agency for it.".into()
            }
            Self::NotAMember => {
                "You are not a member of this project; ask your agency to add you.".into()
            }
            Self::NothingAsked => {
                "The job asks for no GPUs or no time; ask for at least 1 GPU and 1 second.".into()
            }
            Self::NoGrant { class } => format!(
                "The project has no grant of class {class}; send a request for one, or choose a \
                 class that it has."
            ),
            Self::GrantExpired { ended_at } => format!(
                "The project's last grant of this class ended on {}; send a new request.",
                moment(*ended_at)
            ),
            Self::GrantNotYetValid { begins_at } => format!(
                "The project's grant begins on {}; submit the job again from then on.",
                moment(*begins_at)
            ),
            Self::GrantEndsTooSoon { ends_at, asked_s } => format!(
                "The grant ends on {}, before a job of {} could; ask for a shorter wall time or \
                 send a new request.",
                moment(*ends_at),
                span(*asked_s)
            ),
            Self::FundEnded { ended_at } => format!(
                "The money behind the grant ended on {}; ask for a grant from a fund that goes on.",
                moment(*ended_at)
            ),
            Self::NotOpenYet { opens_at } => format!(
                "The environment opens for users on {}; submit the job again from then on.",
                moment(*opens_at)
            ),
            Self::TooManyGpusForNode { asked, per_node } => format!(
                "The job asks for {asked} GPUs and a node of this class has {per_node}; ask for at \
                 most {per_node}."
            ),
            Self::TooManyGpusForGrant { asked, limit } => format!(
                "The job asks for {asked} GPUs and the grant allows {limit} at once; ask for at \
                 most {limit}."
            ),
            Self::WallTimeAboveGrant { asked_s, limit_s } => format!(
                "The job asks for {} and the grant allows {} per job; ask for a shorter wall time \
                 and save checkpoints.",
                span(*asked_s),
                span(*limit_s)
            ),
            Self::NoPrice { class, partition } => format!(
                "There is no price for class {class} on partition {partition} today; tell the \
                 operator, who publishes the rate card."
            ),
            Self::NotEnoughGpuSeconds { wanted, available } => format!(
                "The job needs up to {} of GPU time and the project has {} left; ask for fewer \
                 GPUs or a shorter wall time, wait for running jobs to end, or send a request.",
                span(wanted.get()),
                span(available.get())
            ),
            Self::NotEnoughMoney { wanted, available } => format!(
                "The job would cost up to {} and the project can pay {}; ask for fewer GPUs or a \
                 shorter wall time, wait for running jobs to end, or send a request.",
                kronor_up(*wanted),
                kronor_down(*available)
            ),
            Self::PermitMissing { dataset: None } => {
                "The project's data are confidential and it has no permit; have the authority's \
                 permit recorded first."
                    .into()
            }
            Self::PermitMissing { dataset: Some(dataset) } => format!(
                "The project has no permit for dataset `{dataset}`; have the authority's permit \
                 recorded first."
            ),
            Self::PermitExpired { permit_id, expired_at } => format!(
                "Permit {permit_id} expired on {}; ask the authority to renew it.",
                moment(*expired_at)
            ),
            Self::PermitNotYetValid { permit_id, begins_at } => format!(
                "Permit {permit_id} is not valid before {}; submit the job again from then on.",
                moment(*begins_at)
            ),
            Self::PermitRevoked { permit_id, revoked_at } => format!(
                "Permit {permit_id} was revoked on {}; speak with the data controller before \
                 anything else.",
                moment(*revoked_at)
            ),
            Self::PersonNotInPermit { permit_id } => {
                format!("Permit {permit_id} does not name you; ask the authority to add you to it.")
            }
            Self::EnvironmentNotInPermit { permit_id, environment } => format!(
                "Permit {permit_id} does not name the environment {environment}; ask the \
                 authority to add it, or use one that it names."
            ),
            Self::DatasetNotInPermit { permit_id, dataset } => format!(
                "Permit {permit_id} does not cover dataset `{dataset}`; remove its link from the \
                 job, or ask the authority for a permit."
            ),
        }
    }
}
