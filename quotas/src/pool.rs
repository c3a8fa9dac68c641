//! Pools: the GPU-seconds of one class on one cluster that a fund has in a period.

use accounting::ledger::LedgerError;
use chrono::{DateTime, Utc};
use record::GpuSeconds;
use serde::Serialize;
use uuid::Uuid;

use crate::fund::Fund;

pub mod share;
mod store;
mod unit;

pub(crate) use share::newest;
pub use share::{NewShare, ShareMode, set_share, share_of};
pub(crate) use store::lock;
pub use store::{by_id, create, list};
pub use unit::AllocationUnit;

/// The factor of a pool that promises just what it has, in parts per million.
pub const NOT_OVER_ALLOCATED_PPM: i64 = 1_000_000;

/// The highest factor by which a pool may promise more than it has, in parts per million.
pub const HIGHEST_OVER_ALLOCATION_PPM: i64 = 2_000_000;

/// A pool as the broker knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// Chosen by the client.
    pub pool_id: Uuid,
    /// Whose capacity it is.
    pub fund_id: Uuid,
    /// The Slurm cluster, by the name Slurm has for it.
    pub cluster: String,
    /// The class of GPU capacity, as rate cards and requests name it.
    pub class: String,
    /// The GPU type that Slurm knows the class by (`gres/gpu:TYPE`).
    pub gpu_type: String,
    /// GPUs in one node of the class.
    pub gpus_per_node: i64,
    /// The Slurm partition its jobs go to.
    pub partition: String,
    /// What the operator set aside.
    pub gpu_seconds: GpuSeconds,
    /// What one unit of the class is.
    pub unit: AllocationUnit,
    /// How much is promised of what is set aside, in parts per million: not every grant is used up.
    pub over_allocation_ppm: i64,
    /// The first instant of the period.
    pub valid_from: DateTime<Utc>,
    /// The end of the period, not after the fund's.
    pub valid_until: DateTime<Utc>,
    /// When the environment opens, where it has not: nothing starts before.
    pub opens_at: Option<DateTime<Utc>>,
    /// Who laid it out; `None` when a program did.
    pub created_by: Option<Uuid>,
    /// When it was laid out.
    pub created_at: DateTime<Utc>,
}

/// A pool to create.
#[derive(Clone, Debug)]
pub struct NewPool {
    /// Chosen by the client; repeating a request with the same id changes nothing.
    pub pool_id: Uuid,
    /// Whose capacity it is.
    pub fund_id: Uuid,
    /// The Slurm cluster, by the name Slurm has for it.
    pub cluster: String,
    /// The class of GPU capacity.
    pub class: String,
    /// The GPU type that Slurm knows the class by.
    pub gpu_type: String,
    /// GPUs in one node of the class; at least 1.
    pub gpus_per_node: i64,
    /// The Slurm partition its jobs go to.
    pub partition: String,
    /// What the operator sets aside; more than nothing.
    pub gpu_seconds: GpuSeconds,
    /// What one unit of the class is.
    pub unit: AllocationUnit,
    /// [`NOT_OVER_ALLOCATED_PPM`] to [`HIGHEST_OVER_ALLOCATION_PPM`].
    pub over_allocation_ppm: i64,
    /// The first instant of the period.
    pub valid_from: DateTime<Utc>,
    /// The end of the period.
    pub valid_until: DateTime<Utc>,
    /// When the environment opens, where it has not.
    pub opens_at: Option<DateTime<Utc>>,
}

/// Why a pool was not created.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The id belongs to a pool with other particulars.
    #[error("pool id {0} was used before for another pool; choose a new id")]
    PoolIdReused(Uuid),
    /// The fund is not known.
    #[error("fund {0} does not exist; create it first")]
    NoSuchFund(Uuid),
    /// A name that Slurm must know is empty.
    #[error("pool {pool_id} has no {field}; give the name that Slurm has for it")]
    PoolNameMissing {
        /// The pool.
        pool_id: Uuid,
        /// Which name.
        field: &'static str,
    },
    /// The period ends before it begins.
    #[error("pool {pool_id} would end at {valid_until}, not after its start at {valid_from}")]
    PoolWindowBackward {
        /// The pool.
        pool_id: Uuid,
        /// Its start.
        valid_from: DateTime<Utc>,
        /// Its end.
        valid_until: DateTime<Utc>,
    },
    /// The period is not within the fund's.
    #[error(
        "pool {pool_id} is outside the period of fund {fund_id}, {fund_from} to {fund_until}; \
         a pool lives within its fund"
    )]
    PoolOutsideFund {
        /// The pool.
        pool_id: Uuid,
        /// The fund.
        fund_id: Uuid,
        /// The fund's start.
        fund_from: DateTime<Utc>,
        /// The fund's end.
        fund_until: DateTime<Utc>,
    },
    /// Nothing is set aside, or a node without GPUs.
    #[error("pool {0} has no GPUs or no GPU-seconds; both must be at least 1")]
    PoolEmpty(Uuid),
    /// A MIG instance that is more than a GPU, or nothing of it.
    #[error("pool {pool_id} has MIG instances of {share_ppm} ppm of a GPU; give 1 to 1000000")]
    PoolUnitNotAShare {
        /// The pool.
        pool_id: Uuid,
        /// What was given.
        share_ppm: i64,
    },
    /// The factor is out of range, or what it promises cannot be written down.
    #[error(
        "pool {pool_id} would promise {over_allocation_ppm} ppm of what it has; give 1000000 (just \
         that) to 2000000 (twice that)"
    )]
    OverAllocationOutOfRange {
        /// The pool.
        pool_id: Uuid,
        /// What was given.
        over_allocation_ppm: i64,
    },
    /// The ledger refused.
    #[error("opening the pool's accounts in the ledger")]
    Ledger(#[from] LedgerError),
    /// The database refused or could not be reached.
    #[error("reading or writing pools")]
    Database(#[from] sqlx::Error),
}

impl PoolError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PoolIdReused(_) => "pool_id_reused",
            Self::NoSuchFund(_) => "no_such_fund",
            Self::PoolNameMissing { .. } => "pool_name_missing",
            Self::PoolWindowBackward { .. } => "pool_window_backward",
            Self::PoolOutsideFund { .. } => "pool_outside_fund",
            Self::PoolEmpty(_) => "pool_empty",
            Self::PoolUnitNotAShare { .. } => "pool_unit_not_a_share",
            Self::OverAllocationOutOfRange { .. } => "pool_over_allocation_out_of_range",
            Self::Ledger(error) => error.code(),
            Self::Database(_) => "quotas_database",
        }
    }
}

impl Pool {
    /// The first instant it can be used: pool, fund and environment have all begun.
    pub fn usable_from(&self, fund: &Fund) -> DateTime<Utc> {
        let begun = self.valid_from.max(fund.valid_from);
        self.opens_at.map_or(begun, |opens_at| begun.max(opens_at))
    }

    /// What its grants may have in all: what is set aside, by the stated factor.
    pub fn promised(&self) -> GpuSeconds {
        let extra = unit::extra(self.gpu_seconds, self.over_allocation_ppm);
        extra.and_then(|extra| self.gpu_seconds.checked_add(extra)).unwrap_or(self.gpu_seconds)
    }
}
