//! Overrun: use that no grant had room for, and how two people clear it.
//!
//! One person proposes, another confirms; only then anything moves. Either the grant pays after all,
//! from what it has free by then, or the use is written off: recorded for ever and charged to
//! nobody. The oldest overrun is cleared first, whole runs at a time where the amount allows.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use uuid::Uuid;

use crate::Inconsistency;
pub use crate::store::{
    clearing::{confirm, propose, reject},
    overrun::{open, proposed},
};

/// How an overrun is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[sqlx(type_name = "accounting.clearing_way", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Clearing {
    /// The grant pays from what it has free; a charge is written.
    ChargeGrant,
    /// Nobody pays.
    WriteOff,
}

/// A clearing to propose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewClearing {
    /// Chosen by the caller: the same proposal again changes nothing.
    pub clearing_id: Uuid,
    /// The grant whose overrun it clears.
    pub grant_id: Uuid,
    /// The time to clear, oldest first.
    pub gpu_seconds: GpuSeconds,
    /// What that time stands for; must be the ledger's own figure.
    pub usek: MicroSek,
    /// Who pays.
    pub how: Clearing,
    /// Who proposes it; somebody else confirms.
    pub proposed_by: Uuid,
}

/// A clearing that was proposed and that nobody has decided on yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ProposedClearing {
    /// What was proposed.
    #[serde(flatten)]
    pub clearing: NewClearing,
    /// When.
    pub proposed_at: DateTime<Utc>,
}

/// A grant with overrun that is not cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct OpenOverrun {
    /// The grant.
    pub grant_id: Uuid,
    /// The time.
    pub gpu_seconds: GpuSeconds,
    /// What it would have cost.
    pub usek: MicroSek,
}

/// What one run still has in overrun on a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunOverrun {
    pub(crate) run_id: Uuid,
    pub(crate) hold_id: Uuid,
    pub(crate) gpu_seconds: GpuSeconds,
    pub(crate) usek: MicroSek,
}

/// Takes `wanted` from overruns in their order; `None` if they are less than that.
///
/// A run that is cleared in part gives its money in proportion, rounded down, so that the rest of
/// it is there when the rest is cleared.
pub(crate) fn allot(wanted: GpuSeconds, overruns: &[RunOverrun]) -> Option<Vec<RunOverrun>> {
    let mut left = wanted;
    let mut taken = Vec::new();
    for overrun in overruns {
        if left == GpuSeconds::ZERO {
            break;
        }
        let gpu_seconds = left.min(overrun.gpu_seconds);
        let usek = i128::from(overrun.usek.get()) * i128::from(gpu_seconds.get())
            / i128::from(overrun.gpu_seconds.get().max(1));
        let usek = MicroSek::new(i64::try_from(usek).ok()?)?;
        taken.push(RunOverrun { gpu_seconds, usek, ..*overrun });
        left = left.checked_sub(gpu_seconds)?;
    }
    (left == GpuSeconds::ZERO).then_some(taken)
}

/// Why an overrun was not cleared.
#[derive(Debug, thiserror::Error)]
pub enum OverrunError {
    /// The ledger has no such grant.
    #[error("grant {0} is not in the ledger")]
    NoSuchGrant(Uuid),
    /// The id names no clearing.
    #[error("clearing {0} does not exist; propose it first")]
    NoSuchClearing(Uuid),
    /// The id was used for another clearing.
    #[error("clearing id {0} was used before for a different proposal; choose a new id")]
    ClearingIdReused(Uuid),
    /// The proposal clears no time.
    #[error("clearing {0} clears nothing; name at least one GPU-second")]
    NothingToClear(Uuid),
    /// The grant has less overrun than that.
    #[error("grant {grant_id} has {overrun} of overrun and {wanted} should be cleared; clear less")]
    MoreThanOverrun {
        /// The grant.
        grant_id: Uuid,
        /// What should be cleared.
        wanted: GpuSeconds,
        /// What it has.
        overrun: GpuSeconds,
    },
    /// The money does not belong to the time.
    #[error(
        "the oldest {gpu_seconds} of overrun on grant {grant_id} stand for {stands_for}, not for \
         {wanted}; propose that figure"
    )]
    MoneyDiffers {
        /// The grant.
        grant_id: Uuid,
        /// The time to clear.
        gpu_seconds: GpuSeconds,
        /// The money proposed.
        wanted: MicroSek,
        /// The ledger's own figure.
        stands_for: MicroSek,
    },
    /// The grant has too little time free to pay.
    #[error("grant {grant_id} has {available} free and should pay {wanted}; top it up first")]
    GrantShort {
        /// The grant.
        grant_id: Uuid,
        /// What it should pay.
        wanted: GpuSeconds,
        /// What it has free.
        available: GpuSeconds,
    },
    /// The grant has too little money free to pay.
    #[error("grant {grant_id} has {available} free and should pay {wanted}; top it up first")]
    GrantShortOfMoney {
        /// The grant.
        grant_id: Uuid,
        /// What it should pay.
        wanted: MicroSek,
        /// What it has free.
        available: MicroSek,
    },
    /// The proposer would confirm the own proposal.
    #[error("clearing {clearing_id} was proposed by {person_id}; somebody else has to confirm it")]
    SamePerson {
        /// The clearing.
        clearing_id: Uuid,
        /// Who proposed it and would confirm it.
        person_id: Uuid,
    },
    /// Somebody decided on it before, otherwise.
    #[error("clearing {clearing_id} was decided on by {decided_by} before; propose a new one")]
    AlreadyDecided {
        /// The clearing.
        clearing_id: Uuid,
        /// Who decided.
        decided_by: Uuid,
    },
    /// A row says what cannot be.
    #[error("the ledger contradicts itself")]
    Inconsistent(#[from] Inconsistency),
    /// The database failed.
    #[error("reading or writing overruns")]
    Database(#[from] sqlx::Error),
}

impl OverrunError {
    /// The stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchGrant(_) => "overrun_grant_unknown",
            Self::NoSuchClearing(_) => "overrun_clearing_unknown",
            Self::ClearingIdReused(_) => "overrun_clearing_id_reused",
            Self::NothingToClear(_) => "overrun_nothing_to_clear",
            Self::MoreThanOverrun { .. } => "overrun_less_than_that",
            Self::MoneyDiffers { .. } => "overrun_money_differs",
            Self::GrantShort { .. } => "overrun_grant_short",
            Self::GrantShortOfMoney { .. } => "overrun_grant_short_of_money",
            Self::SamePerson { .. } => "overrun_same_person",
            Self::AlreadyDecided { .. } => "overrun_already_decided",
            Self::Inconsistent(_) => "overrun_inconsistent",
            Self::Database(_) => "overrun_database",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn overrun((gpu_seconds, usek): (i64, i64)) -> RunOverrun {
        RunOverrun {
            run_id: Uuid::nil(),
            hold_id: Uuid::nil(),
            gpu_seconds: GpuSeconds::new(gpu_seconds).unwrap(),
            usek: MicroSek::new(usek).unwrap(),
        }
    }

    fn wanted(amount: i64) -> GpuSeconds {
        GpuSeconds::new(amount).unwrap()
    }

    #[test]
    fn the_oldest_is_cleared_first_and_the_last_in_proportion() {
        let overruns = [overrun((10, 100)), overrun((3, 10)), overrun((5, 50))];
        let taken = allot(wanted(12), &overruns).unwrap();
        assert_eq!(taken, [overrun((10, 100)), overrun((2, 6))]);
    }

    #[test]
    fn more_than_there_is_cannot_be_cleared() {
        assert_eq!(allot(wanted(11), &[overrun((10, 100))]), None);
    }

    proptest! {
        /// Clearing in two steps clears the same as clearing at once, and never more than there is.
        #[test]
        fn what_is_cleared_in_parts_adds_up(
            figures in vec((1..1_000_i64, 0..=1_i64 << 40), 1..5), cut in 0..1_000_i64,
        ) {
            let overruns: Vec<_> = figures.iter().copied().map(overrun).collect();
            let all: i64 = figures.iter().map(|&(time, _)| time).sum();
            let money: i64 = figures.iter().map(|&(_, money)| money).sum();
            let first = allot(wanted(cut.min(all)), &overruns).unwrap();
            let mut rest = overruns;
            for (left, taken) in rest.iter_mut().zip(&first) {
                left.gpu_seconds = left.gpu_seconds.checked_sub(taken.gpu_seconds).unwrap();
                left.usek = left.usek.checked_sub(taken.usek).unwrap();
            }
            rest.retain(|left| left.gpu_seconds > GpuSeconds::ZERO);
            let second = allot(wanted(all - cut.min(all)), &rest).unwrap();
            let sum: i64 = first.iter().chain(&second).map(|taken| taken.usek.get()).sum();
            prop_assert_eq!(sum, money);
            prop_assert!(allot(wanted(all + 1), &rest).is_none());
        }
    }
}
