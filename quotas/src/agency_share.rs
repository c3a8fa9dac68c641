//! Agency shares: the most of a pool that one agency may have granted.
//!
//! An agency without a share is bounded by the pool alone. Shares are versions, the newest counts;
//! together they never promise more than the pool does, and none is set below what its agency has.
//! They are checked whenever a grant is opened or raised, under the pool's lock, so that two
//! deciders cannot both take the last of a share; the database checks again by itself.

use accounting::ledger::LedgerError;
use chrono::{DateTime, Utc};
use record::GpuSeconds;
use serde::Serialize;
use uuid::Uuid;

use crate::{agency::Category, fund::FundPurpose};

mod store;
#[cfg(test)]
mod tests;

pub(crate) use store::standing;
pub use store::{list_for_pool, set};

/// A share from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewAgencyShare {
    /// Chosen by the client; repeating a request with the same id changes nothing.
    pub agency_share_id: Uuid,
    /// Of which pool.
    pub pool_id: Uuid,
    /// Whose.
    pub agency_id: Uuid,
    /// The most it may have granted; nothing is a share too.
    pub gpu_seconds: GpuSeconds,
}

/// One version of an agency's share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgencyShare {
    /// Chosen by the client.
    pub agency_share_id: Uuid,
    /// Of which pool.
    pub pool_id: Uuid,
    /// Whose.
    pub agency_id: Uuid,
    /// Counts up from 1 for each agency in each pool.
    pub version: i64,
    /// The most it may have granted.
    pub gpu_seconds: GpuSeconds,
    /// Who said so; `None` when a program did.
    pub set_by: Option<Uuid>,
    /// When.
    pub set_at: DateTime<Utc>,
}

/// Why a share was not set.
#[derive(Debug, thiserror::Error)]
pub enum AgencyShareError {
    /// The pool is not known.
    #[error("pool {0} does not exist; lay it out first")]
    NoSuchPool(Uuid),
    /// The agency is not known.
    #[error("agency {0} does not exist; create it first")]
    NoSuchAgency(Uuid),
    /// The id belongs to another share.
    #[error("agency share id {0} was used before for another share; choose a new id")]
    AgencyShareIdReused(Uuid),
    /// The fund is for others.
    #[error(
        "fund {fund_id} is for {fund_purpose:?}: an agency of category {category:?} can have no \
         share of its pools"
    )]
    FundsNeverMix {
        /// The fund.
        fund_id: Uuid,
        /// What its money is for.
        fund_purpose: FundPurpose,
        /// What kind of applicant the agency is.
        category: Category,
    },
    /// More than the pool promises.
    #[error(
        "the shares of pool {pool_id} would be {shared} and it promises {promised}; lower another \
         share first"
    )]
    SharesAbovePool {
        /// The pool.
        pool_id: Uuid,
        /// What its shares would be in all.
        shared: GpuSeconds,
        /// What its grants may have in all.
        promised: GpuSeconds,
    },
    /// Less than the agency has.
    #[error(
        "agency {agency_id} has {granted} of pool {pool_id}, more than a share of {asked}; let time \
         be given back first"
    )]
    ShareBelowGranted {
        /// The pool.
        pool_id: Uuid,
        /// The agency.
        agency_id: Uuid,
        /// The share that was asked for.
        asked: GpuSeconds,
        /// What its grants have.
        granted: GpuSeconds,
    },
    /// The ledger could not be read.
    #[error("reading what the agency has in the ledger")]
    Ledger(#[from] LedgerError),
    /// The database refused or could not be reached.
    #[error("reading or writing agency shares")]
    Database(#[from] sqlx::Error),
}

impl AgencyShareError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchPool(_) => "no_such_pool",
            Self::NoSuchAgency(_) => "no_such_agency",
            Self::AgencyShareIdReused(_) => "agency_share_id_reused",
            Self::FundsNeverMix { .. } => "funds_never_mix",
            Self::SharesAbovePool { .. } => "agency_shares_above_pool",
            Self::ShareBelowGranted { .. } => "agency_share_below_granted",
            Self::Ledger(error) => error.code(),
            Self::Database(_) => "quotas_database",
        }
    }
}

/// An agency's share of a pool, and what it has of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The most it may have; `None`: as much as the pool has.
    pub(crate) share: Option<GpuSeconds>,
    /// What its grants have in all, by the ledger.
    pub(crate) granted: GpuSeconds,
}

impl Standing {
    /// Whether `wanted` more stays within the share; the share if not.
    pub(crate) fn room_for(&self, wanted: GpuSeconds) -> Result<(), GpuSeconds> {
        let after = self.granted.checked_add(wanted);
        match self.share {
            Some(share) if after.is_none_or(|after| after > share) => Err(share),
            Some(_) | None => Ok(()),
        }
    }
}
