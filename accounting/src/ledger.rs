//! The ledger: funds, pools and grants as accounts, and every movement between them as an entry.
//!
//! Two units never meet: GPU-seconds come from a pool, µSEK from a fund. What enters from outside
//! is taken from a `supply` account that goes below zero by the same amount, so that the sum of all
//! balances of a unit is always nought. A grant has accounts of its own (free, held, settled and,
//! for use that no grant has room for, uncovered and overrun), so a hold locks its grants' rows and
//! nothing else; fund and pool are locked only when a grant is opened or changed.
//!
//! A grant changes only by entries: topped up, given back, expired, transferred within its fund or
//! carried over to a later grant. A pool may give more than it has only by a planned over-allocation.
//!
//! Entries are the record. Balances are a projection of them that [`verify`] recomputes.

use record::{GpuSeconds, MicroSek};
use uuid::Uuid;

use crate::Inconsistency;
pub use crate::store::{
    grant::{balance_of_grant, balances_of_grants},
    grant_move::{expire, give_back, top_up},
    grant_transfer::{carry_over, transfer},
    grant_use::use_of_grants,
    ledger::{bind_pool, open_fund, open_grant, open_pool},
    over_allocation::over_allocate,
    verify::{Imbalance, Mismatch, verify},
};

/// A grant to open: moves GPU-seconds from the pool and µSEK from the fund to the grant.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct OpenGrant {
    /// Chosen by the caller.
    pub grant_id: Uuid,
    /// The pool the time comes from.
    pub pool_id: Uuid,
    /// The fund the money comes from; the pool must be that fund's.
    pub fund_id: Uuid,
    /// The time granted.
    pub gpu_seconds: GpuSeconds,
    /// The money granted.
    pub usek: MicroSek,
}

/// Time and money that move between a grant and its pool and fund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GrantMove {
    /// Chosen by the caller: the same move again changes nothing.
    pub transfer_id: Uuid,
    /// The grant.
    pub grant_id: Uuid,
    /// The time that moves.
    pub gpu_seconds: GpuSeconds,
    /// The money that moves.
    pub usek: MicroSek,
}

/// Time and money that move from one grant to another of the same fund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GrantTransfer {
    /// Chosen by the caller: the same transfer again changes nothing.
    pub transfer_id: Uuid,
    /// The grant that gives, or whose expired rest is carried over.
    pub from_grant_id: Uuid,
    /// The grant that gets.
    pub to_grant_id: Uuid,
    /// The time that moves.
    pub gpu_seconds: GpuSeconds,
    /// The money that moves.
    pub usek: MicroSek,
}

/// Where a grant stands in both units. Granted = available + held + settled, after every top-up,
/// return, expiry and transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GrantBalance {
    /// Time granted, net of what left the grant again.
    pub granted: GpuSeconds,
    /// Time set aside by open holds.
    pub held: GpuSeconds,
    /// Time used and charged.
    pub settled: GpuSeconds,
    /// Time that can still be held.
    pub available: GpuSeconds,
    /// Time used that the grant had no room for; not part of what was granted.
    pub overrun: GpuSeconds,
    /// Money granted, net of what left the grant again.
    pub granted_usek: MicroSek,
    /// Money set aside by open holds.
    pub held_usek: MicroSek,
    /// Money charged.
    pub settled_usek: MicroSek,
    /// Money that can still be held.
    pub available_usek: MicroSek,
    /// What the overrun would have cost.
    pub overrun_usek: MicroSek,
}

/// What became of a grant's time: the figures that Slurm's own limit is computed from.
///
/// Settled + overrun + not charged is the grant's use as slurmdbd has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct GrantUse {
    /// Time granted, net of what left the grant again.
    pub granted: GpuSeconds,
    /// Time set aside by open holds.
    pub held: GpuSeconds,
    /// Time used and charged.
    pub settled: GpuSeconds,
    /// Time used that the grant had no room for, until two people clear it.
    pub overrun: GpuSeconds,
    /// Time used that nobody pays: runs that the machine ended, and overrun written off. A run of a
    /// hold over several grants counts for the first of them.
    pub not_charged: GpuSeconds,
}

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, sqlx::Type)]
#[sqlx(type_name = "accounting.account_kind", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// Where a fund's money or a pool's time comes from; goes below zero.
    Supply,
    /// Money of a fund that no grant has yet.
    Fund,
    /// Time of a pool that no grant has yet.
    Pool,
    /// What a grant can still hold.
    Free,
    /// What open holds have set aside.
    Held,
    /// What runs have used.
    Settled,
    /// Where use comes from that no grant has room for; goes below zero.
    Uncovered,
    /// Use that no grant had room for, until two people clear it.
    Overrun,
}

/// The unit an account is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, sqlx::Type)]
#[sqlx(type_name = "accounting.unit", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Seconds of one allocation unit of a GPU class.
    GpuSeconds,
    /// Millionths of a krona.
    MicroSek,
}

impl Unit {
    /// The word the database keeps.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::GpuSeconds => "gpu_seconds",
            Self::MicroSek => "micro_sek",
        }
    }
}

/// Why the ledger refused.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The ledger has no such fund.
    #[error("fund {0} is not in the ledger; open it first")]
    NoSuchFund(Uuid),
    /// The ledger has no such pool.
    #[error("pool {0} is not in the ledger; open it first")]
    NoSuchPool(Uuid),
    /// The ledger has no such grant.
    #[error("grant {0} is not in the ledger; open it first")]
    NoSuchGrant(Uuid),
    /// The fund's money does not cover the grant.
    #[error("fund {fund_id} has {available} left and the grant wants {wanted}; grant less")]
    FundShort {
        /// The fund.
        fund_id: Uuid,
        /// What the grant wants.
        wanted: MicroSek,
        /// What the fund has left.
        available: MicroSek,
    },
    /// The pool's time does not cover the grant.
    #[error("pool {pool_id} has {available} left and the grant wants {wanted}; grant less")]
    PoolShort {
        /// The pool.
        pool_id: Uuid,
        /// What the grant wants.
        wanted: GpuSeconds,
        /// What the pool has left.
        available: GpuSeconds,
    },
    /// The pool is another fund's.
    #[error(
        "pool {pool_id} belongs to fund {pool_fund_id} and cannot serve fund {fund_id}; \
         choose a pool of the same fund"
    )]
    FundsNeverMix {
        /// The pool.
        pool_id: Uuid,
        /// The fund it belongs to.
        pool_fund_id: Uuid,
        /// The fund it was asked to serve.
        fund_id: Uuid,
    },
    /// The id was used for a fund with another ceiling.
    #[error("fund id {0} was used before for a different amount; choose a new id")]
    FundIdReused(Uuid),
    /// The id was used for a pool with another size.
    #[error("pool id {0} was used before for a different amount; choose a new id")]
    PoolIdReused(Uuid),
    /// The id was used for another grant.
    #[error("grant id {0} was used before for a different grant; choose a new id")]
    GrantIdReused(Uuid),
    /// The id was used for another movement.
    #[error("transfer id {0} was used before for a different movement; choose a new id")]
    TransferIdReused(Uuid),
    /// Neither time nor money would move.
    #[error("transfer {0} moves neither time nor money; name an amount")]
    NothingToMove(Uuid),
    /// The grant would give to itself.
    #[error("grant {0} cannot give to itself; name another grant")]
    SameGrant(Uuid),
    /// The grant has too little time free.
    #[error("grant {grant_id} has {available} free and {wanted} should leave it; move less")]
    GrantShort {
        /// The grant.
        grant_id: Uuid,
        /// What should leave it.
        wanted: GpuSeconds,
        /// What it has free.
        available: GpuSeconds,
    },
    /// The grant has too little money free.
    #[error("grant {grant_id} has {available} free and {wanted} should leave it; move less")]
    GrantShortOfMoney {
        /// The grant.
        grant_id: Uuid,
        /// What should leave it.
        wanted: MicroSek,
        /// What it has free.
        available: MicroSek,
    },
    /// The two grants are of two funds.
    #[error(
        "grant {from_grant_id} is of fund {from_fund_id} and grant {to_grant_id} of fund \
         {to_fund_id}; move only within one fund"
    )]
    TransferMixesFunds {
        /// The grant that would give.
        from_grant_id: Uuid,
        /// Its fund.
        from_fund_id: Uuid,
        /// The grant that would get.
        to_grant_id: Uuid,
        /// Its fund.
        to_fund_id: Uuid,
    },
    /// More would be carried over than the grant lost when it expired.
    #[error(
        "grant {from_grant_id} lost {expired} and {expired_usek} when it expired, and {wanted} and \
         {wanted_usek} should be carried over; carry over no more than it lost"
    )]
    CarryOverAboveExpired {
        /// The grant that expired.
        from_grant_id: Uuid,
        /// The time that should be carried over.
        wanted: GpuSeconds,
        /// The money that should be carried over.
        wanted_usek: MicroSek,
        /// The time it lost.
        expired: GpuSeconds,
        /// The money it lost.
        expired_usek: MicroSek,
    },
    /// The grant's rest was carried over before.
    #[error("the rest of grant {from_grant_id} was carried over before, by transfer {transfer_id}")]
    AlreadyCarriedOver {
        /// The grant that expired.
        from_grant_id: Uuid,
        /// The movement that carried it over.
        transfer_id: Uuid,
    },
    /// A row says what cannot be.
    #[error("the ledger contradicts itself")]
    Inconsistent(#[from] Inconsistency),
    /// The database failed.
    #[error("reading or writing the ledger")]
    Database(#[from] sqlx::Error),
}

impl LedgerError {
    /// The stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchFund(_) => "ledger_fund_unknown",
            Self::NoSuchPool(_) => "ledger_pool_unknown",
            Self::NoSuchGrant(_) => "ledger_grant_unknown",
            Self::FundShort { .. } => "ledger_fund_short",
            Self::PoolShort { .. } => "ledger_pool_short",
            Self::FundsNeverMix { .. } => "ledger_funds_never_mix",
            Self::FundIdReused(_) => "ledger_fund_id_reused",
            Self::PoolIdReused(_) => "ledger_pool_id_reused",
            Self::GrantIdReused(_) => "ledger_grant_id_reused",
            Self::TransferIdReused(_) => "ledger_transfer_id_reused",
            Self::NothingToMove(_) => "ledger_nothing_to_move",
            Self::SameGrant(_) => "ledger_same_grant",
            Self::GrantShort { .. } => "ledger_grant_short",
            Self::GrantShortOfMoney { .. } => "ledger_grant_short_of_money",
            Self::TransferMixesFunds { .. } => "ledger_transfer_mixes_funds",
            Self::CarryOverAboveExpired { .. } => "ledger_carry_over_above_expired",
            Self::AlreadyCarriedOver { .. } => "ledger_already_carried_over",
            Self::Inconsistent(_) => "ledger_inconsistent",
            Self::Database(_) => "ledger_database",
        }
    }
}
