//! Why a change of a grant was refused.

use accounting::ledger::LedgerError;
use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use uuid::Uuid;

use crate::{decision::Conflict, grant::GrantEnding};

/// Why a change of a grant was refused.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The grant is not known.
    #[error("grant {0} does not exist")]
    NoSuchGrant(Uuid),
    /// The id belongs to another change.
    #[error("change id {0} was used before for another change; choose a new id")]
    ChangeIdReused(Uuid),
    /// Neither time nor money.
    #[error("change {0} moves nothing; give GPU-seconds, money or both")]
    ChangeEmpty(Uuid),
    /// From a grant to itself.
    #[error("change {change_id} names grant {grant_id} twice; name two different grants")]
    SameGrant {
        /// The change.
        change_id: Uuid,
        /// The grant.
        grant_id: Uuid,
    },
    /// Nobody decides in somebody else's name.
    #[error("person {actor} cannot decide in the name of person {decided_by}")]
    NotTheDecider {
        /// Who acted.
        actor: Uuid,
        /// Whose name the change carries.
        decided_by: Uuid,
    },
    /// Nobody decides on their own project.
    #[error(
        "person {decided_by} cannot decide on grant {grant_id} ({conflict:?} of its project); \
         somebody outside the project must"
    )]
    SelfApproval {
        /// The grant.
        grant_id: Uuid,
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
    #[error("change {0} has no motivation; write why, the project will read it")]
    MotivationMissing(Uuid),
    /// The grant has come to its end.
    #[error("grant {grant_id} is {ending:?} since {ended_at} and does not change any more")]
    GrantEnded {
        /// The grant.
        grant_id: Uuid,
        /// How it ended.
        ending: GrantEnding,
        /// When.
        ended_at: DateTime<Utc>,
    },
    /// The grant's window is over.
    #[error("grant {grant_id} ended at {ended_at}; ask for a new grant")]
    GrantOver {
        /// The grant.
        grant_id: Uuid,
        /// Its end.
        ended_at: DateTime<Utc>,
    },
    /// Two funds.
    #[error(
        "grant {from_grant_id} and grant {to_grant_id} are paid by different funds, and funds never \
         mix; choose a grant of the same fund"
    )]
    FundsNeverMix {
        /// What would lose it.
        from_grant_id: Uuid,
        /// What would get it.
        to_grant_id: Uuid,
    },
    /// Two classes of GPU.
    #[error(
        "grant {grant_id} is for class {class} and grant {other_grant_id} for class {other_class}; \
         time of one class is not time of another"
    )]
    ClassDiffers {
        /// The one.
        grant_id: Uuid,
        /// Its class.
        class: String,
        /// The other.
        other_grant_id: Uuid,
        /// Its class.
        other_class: String,
    },
    /// Two projects.
    #[error("grant {other_grant_id} is another project's than grant {grant_id}; choose its own")]
    ProjectDiffers {
        /// The one.
        grant_id: Uuid,
        /// The other.
        other_grant_id: Uuid,
    },
    /// The fund carries nothing over.
    #[error("fund {fund_id} carries nothing over; what expired has gone back to its pool")]
    CarryOverNotAllowed {
        /// The fund.
        fund_id: Uuid,
    },
    /// The grant has not expired, or was replaced instead.
    #[error("grant {0} has not expired, so nothing is left over from it")]
    NotExpired(Uuid),
    /// Once is enough.
    #[error("what grant {grant_id} lost was carried over before, by change {change_id}")]
    AlreadyCarriedOver {
        /// The grant.
        grant_id: Uuid,
        /// The change.
        change_id: Uuid,
    },
    /// Nothing expired, or the part of it rounds to nothing.
    #[error("grant {0} lost nothing by expiry that the fund's rule would carry over")]
    NothingToCarryOver(Uuid),
    /// The agency's share has too little left.
    #[error(
        "agency {agency_id} has {granted} of its share of {share} in pool {pool_id}; {wanted} more \
         would pass it"
    )]
    AgencyShareExhausted {
        /// The agency.
        agency_id: Uuid,
        /// The pool.
        pool_id: Uuid,
        /// What the change adds.
        wanted: GpuSeconds,
        /// The agency's share.
        share: GpuSeconds,
        /// What its grants have.
        granted: GpuSeconds,
    },
    /// More than the access mode allows.
    #[error(
        "grant {grant_id} was asked for in access mode `{mode}`, which allows {max} in all; it has \
         {granted} and {wanted} more would pass it"
    )]
    BeyondAccessMode {
        /// The grant.
        grant_id: Uuid,
        /// The mode's name.
        mode: String,
        /// What the change adds.
        wanted: GpuSeconds,
        /// What the grant has.
        granted: GpuSeconds,
        /// The mode's most.
        max: GpuSeconds,
    },
    /// The pool has too little left.
    #[error("pool {pool_id} has {available} left and the change wants {wanted}; take less")]
    PoolExhausted {
        /// The pool.
        pool_id: Uuid,
        /// What the change wants.
        wanted: GpuSeconds,
        /// What is left.
        available: GpuSeconds,
    },
    /// The fund has too little left.
    #[error("fund {fund_id} has {available} left and the change wants {wanted}; take less")]
    FundExhausted {
        /// The fund.
        fund_id: Uuid,
        /// What the change wants.
        wanted: MicroSek,
        /// What is left.
        available: MicroSek,
    },
    /// The ledger refused for another reason: too little is free, for one.
    #[error("moving the change in the ledger")]
    Ledger(#[source] LedgerError),
    /// The database refused or could not be reached.
    #[error("reading or writing changes of grants")]
    Database(#[from] sqlx::Error),
}

impl ChangeError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchGrant(_) => "no_such_grant",
            Self::ChangeIdReused(_) => "change_id_reused",
            Self::ChangeEmpty(_) => "change_empty",
            Self::SameGrant { .. } => "change_of_one_grant",
            Self::NotTheDecider { .. } => "not_the_decider",
            Self::SelfApproval { .. } => "self_approval",
            Self::OperatorCannotDecide { .. } => "operator_cannot_decide",
            Self::MotivationMissing(_) => "motivation_missing",
            Self::GrantEnded { .. } => "grant_ended",
            Self::GrantOver { .. } => "grant_over",
            Self::FundsNeverMix { .. } => "funds_never_mix",
            Self::ClassDiffers { .. } => "class_differs",
            Self::ProjectDiffers { .. } => "project_differs",
            Self::CarryOverNotAllowed { .. } => "carry_over_not_allowed",
            Self::NotExpired(_) => "grant_not_expired",
            Self::AlreadyCarriedOver { .. } => "already_carried_over",
            Self::NothingToCarryOver(_) => "nothing_to_carry_over",
            Self::AgencyShareExhausted { .. } => "agency_share_exhausted",
            Self::BeyondAccessMode { .. } => "beyond_access_mode",
            Self::PoolExhausted { .. } => "pool_exhausted",
            Self::FundExhausted { .. } => "fund_exhausted",
            Self::Ledger(error) => error.code(),
            Self::Database(_) => "quotas_database",
        }
    }
}

impl From<LedgerError> for ChangeError {
    /// The ledger's refusal, told in the words of a change.
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::PoolShort { pool_id, wanted, available } => {
                Self::PoolExhausted { pool_id, wanted, available }
            }
            LedgerError::FundShort { fund_id, wanted, available } => {
                Self::FundExhausted { fund_id, wanted, available }
            }
            LedgerError::Database(error) => Self::Database(error),
            error => Self::Ledger(error),
        }
    }
}
