//! Why a decision was refused.

use accounting::ledger::LedgerError;
use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::Serialize;
use uuid::Uuid;

use super::Criterion;
use crate::{agency::Category, fund::FundPurpose};

/// What ties a person to the project they would decide on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// They sent the request.
    Requester,
    /// They are, or were, a member of the project.
    Member,
}

/// Why a decision was refused.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The request is not known.
    #[error("request {0} does not exist")]
    NoSuchRequest(Uuid),
    /// The pool is not known.
    #[error("pool {0} does not exist; choose one that the operator has laid out")]
    NoSuchPool(Uuid),
    /// Somebody decided before.
    #[error("request {request_id} was already decided by decision {decision_id}")]
    AlreadyDecided {
        /// The request.
        request_id: Uuid,
        /// The decision that stands.
        decision_id: Uuid,
    },
    /// The id belongs to another decision.
    #[error("decision id {0} was used before for another decision; choose a new id")]
    DecisionIdReused(Uuid),
    /// The id belongs to another grant.
    #[error("grant id {0} was used before for another grant; choose a new id")]
    GrantIdReused(Uuid),
    /// Nobody decides in somebody else's name.
    #[error("person {actor} cannot decide in the name of person {decided_by}")]
    NotTheDecider {
        /// Who acted.
        actor: Uuid,
        /// Whose name the decision carries.
        decided_by: Uuid,
    },
    /// Nobody decides on their own request or project.
    #[error(
        "person {decided_by} cannot decide on request {request_id} ({conflict:?} of the project); \
         somebody outside the project must"
    )]
    SelfApproval {
        /// The request.
        request_id: Uuid,
        /// Who would decide.
        decided_by: Uuid,
        /// What ties them to it.
        conflict: Conflict,
    },
    /// Who operates does not decide.
    #[error(
        "person {decided_by} laid out pool {pool_id} or its fund and cannot decide on what is \
         drawn from it; a decider who does not operate must"
    )]
    OperatorCannotDecide {
        /// The pool.
        pool_id: Uuid,
        /// Who would decide.
        decided_by: Uuid,
    },
    /// No reason was given.
    #[error("decision {0} has no motivation; write why, the applicant will read it")]
    MotivationMissing(Uuid),
    /// A criterion that every approval needs has no points.
    #[error("decision {decision_id} does not score {criterion:?}; every approval does")]
    ScoreMissing {
        /// The decision.
        decision_id: Uuid,
        /// The criterion.
        criterion: Criterion,
    },
    /// Points out of range, or a criterion twice.
    #[error("decision {decision_id} scores {criterion:?} twice or outside 0 to 5")]
    ScoreNotValid {
        /// The decision.
        decision_id: Uuid,
        /// The criterion.
        criterion: Criterion,
    },
    /// The fund is for others.
    #[error(
        "fund {fund_id} is for {fund_purpose:?} and cannot pay for an agency of category \
         {category:?}; choose a pool of a fund that may"
    )]
    FundsNeverMix {
        /// The fund.
        fund_id: Uuid,
        /// What its money is for.
        fund_purpose: FundPurpose,
        /// What kind of applicant the agency is.
        category: Category,
    },
    /// The pool has another class.
    #[error("pool {pool_id} has class {offered}, the request is for {asked}")]
    ClassDiffers {
        /// The pool.
        pool_id: Uuid,
        /// The request's class.
        asked: String,
        /// The pool's class.
        offered: String,
    },
    /// Protected data on an open partition.
    #[error(
        "pool {pool_id} runs on partition {partition}, which may not hold confidential data; \
         choose a pool on the confidential partition"
    )]
    PartitionNotConfidential {
        /// The pool.
        pool_id: Uuid,
        /// Its partition.
        partition: String,
    },
    /// The window ends before it begins, or is over.
    #[error(
        "grant {grant_id} would end at {valid_until}; the end must be ahead and after its start at {valid_from}"
    )]
    GrantWindowBackward {
        /// The grant.
        grant_id: Uuid,
        /// Its start.
        valid_from: DateTime<Utc>,
        /// Its end.
        valid_until: DateTime<Utc>,
    },
    /// The window begins before the pool, the fund or the environment opens.
    #[error(
        "grant {grant_id} would begin at {valid_from}, before its pool can be used at {opens_at}"
    )]
    BeforeThePoolsStart {
        /// The grant.
        grant_id: Uuid,
        /// Its start.
        valid_from: DateTime<Utc>,
        /// The first instant the pool can be used.
        opens_at: DateTime<Utc>,
    },
    /// The window passes the pool's end.
    #[error(
        "grant {grant_id} would end at {valid_until}, past the end of pool {pool_id} at {ends_at}"
    )]
    PastThePoolsEnd {
        /// The grant.
        grant_id: Uuid,
        /// The pool.
        pool_id: Uuid,
        /// The grant's end.
        valid_until: DateTime<Utc>,
        /// The pool's end.
        ends_at: DateTime<Utc>,
    },
    /// The window passes the money's end.
    #[error(
        "grant {grant_id} would end at {valid_until}, past the end of fund {fund_id} at {ends_at}"
    )]
    PastTheFundsEnd {
        /// The grant.
        grant_id: Uuid,
        /// The fund.
        fund_id: Uuid,
        /// The grant's end.
        valid_until: DateTime<Utc>,
        /// The fund's end.
        ends_at: DateTime<Utc>,
    },
    /// A ceiling or a bound is nothing.
    #[error(
        "grant {0} would be empty; GPU-seconds, money, wall time and GPUs must each be at least 1"
    )]
    GrantEmpty(Uuid),
    /// The request names an access mode of another fund.
    #[error(
        "grant {grant_id} would be paid by fund {fund_id}, and the request names an access mode of \
         fund {mode_fund_id}; choose a pool of that fund"
    )]
    AccessModeOfAnotherFund {
        /// The grant.
        grant_id: Uuid,
        /// The pool's fund.
        fund_id: Uuid,
        /// The mode's fund.
        mode_fund_id: Uuid,
    },
    /// More or longer than the request's access mode allows.
    #[error(
        "grant {grant_id} is beyond access mode `{mode}`: {max} and {max_days} days at most; grant \
         less, or let them ask in a larger mode"
    )]
    BeyondAccessMode {
        /// The grant.
        grant_id: Uuid,
        /// The mode's name.
        mode: String,
        /// The most time.
        max: GpuSeconds,
        /// The longest period, in days.
        max_days: i64,
    },
    /// The agency's share has too little left.
    #[error(
        "agency {agency_id} has {granted} of its share of {share} in pool {pool_id}; a grant of \
         {wanted} would pass it"
    )]
    AgencyShareExhausted {
        /// The agency.
        agency_id: Uuid,
        /// The pool.
        pool_id: Uuid,
        /// What the grant wants.
        wanted: GpuSeconds,
        /// The agency's share.
        share: GpuSeconds,
        /// What its grants have.
        granted: GpuSeconds,
    },
    /// The pool has too little left.
    #[error("pool {pool_id} has {available} left and the grant wants {wanted}; grant less")]
    PoolExhausted {
        /// The pool.
        pool_id: Uuid,
        /// What the grant wants.
        wanted: GpuSeconds,
        /// What is left.
        available: GpuSeconds,
    },
    /// The fund has too little left.
    #[error("fund {fund_id} has {available} left and the grant wants {wanted}; grant less")]
    FundExhausted {
        /// The fund.
        fund_id: Uuid,
        /// What the grant wants.
        wanted: MicroSek,
        /// What is left.
        available: MicroSek,
    },
    /// The ledger refused for another reason.
    #[error("opening the grant's accounts in the ledger")]
    Ledger(#[source] LedgerError),
    /// The database refused or could not be reached.
    #[error("reading or writing decisions")]
    Database(#[from] sqlx::Error),
}

impl DecideError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchRequest(_) => "no_such_request",
            Self::NoSuchPool(_) => "no_such_pool",
            Self::AlreadyDecided { .. } => "already_decided",
            Self::DecisionIdReused(_) => "decision_id_reused",
            Self::GrantIdReused(_) => "grant_id_reused",
            Self::NotTheDecider { .. } => "not_the_decider",
            Self::SelfApproval { .. } => "self_approval",
            Self::OperatorCannotDecide { .. } => "operator_cannot_decide",
            Self::MotivationMissing(_) => "motivation_missing",
            Self::ScoreMissing { .. } => "score_missing",
            Self::ScoreNotValid { .. } => "score_not_valid",
            Self::FundsNeverMix { .. } => "funds_never_mix",
            Self::ClassDiffers { .. } => "class_differs",
            Self::PartitionNotConfidential { .. } => "partition_not_confidential",
            Self::GrantWindowBackward { .. } => "grant_window_backward",
            Self::BeforeThePoolsStart { .. } => "before_the_pools_start",
            Self::PastThePoolsEnd { .. } => "past_the_pools_end",
            Self::PastTheFundsEnd { .. } => "past_the_funds_end",
            Self::GrantEmpty(_) => "grant_empty",
            Self::AccessModeOfAnotherFund { .. } => "access_mode_of_another_fund",
            Self::BeyondAccessMode { .. } => "beyond_access_mode",
            Self::AgencyShareExhausted { .. } => "agency_share_exhausted",
            Self::PoolExhausted { .. } => "pool_exhausted",
            Self::FundExhausted { .. } => "fund_exhausted",
            Self::Ledger(error) => error.code(),
            Self::Database(_) => "quotas_database",
        }
    }
}
