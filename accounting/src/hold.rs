//! Holds: time and money set aside for one attempt of a job, before it starts.
//!
//! A hold is opened over what a project's grants have free, oldest expiry first, at the price that
//! was quoted. It closes exactly once: *settled* with what its runs took, and the rest goes back; or
//! *released*, when nothing came of it. A closed hold is history and cannot move again.
//!
//! Nothing is clipped. Use above the hold is taken from what its grants have free, and what none of
//! them has room for goes to the overrun of the last one, where two people clear it
//! ([`crate::overrun`]).

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use uuid::Uuid;

pub use crate::spread::{HoldPart, Portion, Source};
pub use crate::store::hold::{
    extend::{Extend, ExtendError, HoldExtended, extend},
    open::{OpenHold, all_open, expired, open_of},
    place::{HoldPlaced, Payer, Place, PlaceError, place},
    release::{HoldReleased, ReleaseError, release},
    replace::replace,
    settle::{NewRun, Settle, SettleError, Settled, settle},
    shorten::{HoldShortened, ShortenError, shorten},
    terms::{HoldTerms, terms},
};
use crate::{
    rate::Price,
    spread::{add, by_grant, spread, total},
};

/// Time and money set aside for one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub(crate) hold_id: Uuid,
    pub(crate) price: Price,
    pub(crate) parts: Vec<HoldPart>,
    pub(crate) state: HoldState,
}

/// Where a hold stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldState {
    /// Counts against its grants.
    Open,
    /// Closed by runs that took this much of it.
    #[expect(missing_docs, reason = "the variant's sentence says it")]
    Settled { gpu_seconds: GpuSeconds, usek: MicroSek, at: DateTime<Utc> },
    /// Closed without a charge.
    #[expect(missing_docs, reason = "the variant's sentence says it")]
    Released { reason: ReleaseReason, at: DateTime<Utc> },
}

/// Why nothing came of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[sqlx(type_name = "accounting.release_reason", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    /// The person withdrew the job before it started.
    Cancelled,
    /// The hold's time ran out before the job started.
    Expired,
    /// Slurm or the gateway refused the job.
    Refused,
    /// The job ended without ever having had a GPU.
    NeverRan,
}

/// What settling posts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// All of the use, run by run and grant by grant; nothing is left out.
    pub portions: Vec<Portion>,
    /// What the hold does not need any more.
    pub returned: Vec<HoldPart>,
}

/// Why a hold refused to open or to move.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the sentences say it")]
pub enum HoldError {
    #[error("{wanted} are wanted and the grants have {available} free")]
    NotEnoughGpuSeconds { wanted: GpuSeconds, available: GpuSeconds },
    #[error("{wanted} are wanted and the grants can pay {available}")]
    NotEnoughMoney { wanted: MicroSek, available: MicroSek },
    #[error("hold {hold_id} is already closed ({state:?})")]
    AlreadyClosed { hold_id: Uuid, state: HoldState },
    #[error("hold {0} is still open, so nothing is late; settle it")]
    StillOpen(Uuid),
    #[error("hold {0} adds up to more than can be written down")]
    OutOfRange(Uuid),
}

impl Hold {
    /// Opens a hold of `wanted` over what the grants have `free`, in that order.
    pub fn open(
        hold_id: Uuid,
        price: Price,
        wanted: GpuSeconds,
        free: &[HoldPart],
    ) -> Result<Self, HoldError> {
        let out_of_range = || HoldError::OutOfRange(hold_id);
        let (available, _) = total(free.iter()).ok_or_else(out_of_range)?;
        if available < wanted {
            return Err(HoldError::NotEnoughGpuSeconds { wanted, available });
        }
        let rooms: Vec<_> = free.iter().map(|part| (Source::Free, *part)).collect();
        let portions =
            spread(price, GpuSeconds::ZERO, &[wanted], &rooms).ok_or_else(out_of_range)?;
        let (beyond, within): (Vec<_>, Vec<_>) =
            portions.into_iter().partition(|portion| portion.source == Source::Overrun);
        let parts: Vec<HoldPart> = within.into_iter().map(|portion| portion.part).collect();
        if !beyond.is_empty() {
            let wanted = price.cost(wanted).ok_or_else(out_of_range)?;
            let (_, available) = total(parts.iter()).ok_or_else(out_of_range)?;
            return Err(HoldError::NotEnoughMoney { wanted, available });
        }
        Ok(Self { hold_id, price, parts, state: HoldState::Open })
    }

    /// Sets `wanted` more aside, of what the grants have `free`, in that order, at the hold's price.
    ///
    /// Returns what is added. The money of each part is rounded up by itself: so it is enough
    /// wherever in the whole use the part comes to lie, whichever other extension is given back.
    pub fn extend(
        self,
        wanted: GpuSeconds,
        free: &[HoldPart],
    ) -> Result<(Self, Vec<HoldPart>), HoldError> {
        let hold = self.require_open()?;
        let out_of_range = || HoldError::OutOfRange(hold.hold_id);
        let (available, _) = total(free.iter()).ok_or_else(out_of_range)?;
        if available < wanted {
            return Err(HoldError::NotEnoughGpuSeconds { wanted, available });
        }
        let (added, beyond) = add(hold.price, wanted, free).ok_or_else(out_of_range)?;
        if beyond > GpuSeconds::ZERO {
            let wanted = hold.price.cost_at_most(wanted).ok_or_else(out_of_range)?;
            let (_, available) = total(added.iter()).ok_or_else(out_of_range)?;
            return Err(HoldError::NotEnoughMoney { wanted, available });
        }
        let parts = [&hold.parts[..], &added].concat();
        total(parts.iter()).ok_or_else(out_of_range)?;
        Ok((Self { parts, ..hold }, added))
    }

    /// Closes the hold with what its runs took, and tells what to post and what goes back.
    ///
    /// `free` is what the hold's grants have besides it. Money is rounded over the hold's whole
    /// use, so that time within the hold never costs more than was held for it.
    pub fn settle(
        self,
        runs: &[GpuSeconds],
        free: &[HoldPart],
        at: DateTime<Utc>,
    ) -> Result<(Self, Settlement), HoldError> {
        let hold = self.require_open()?;
        let out_of_range = || HoldError::OutOfRange(hold.hold_id);
        let held = hold.parts.iter().map(|part| (Source::Held, *part));
        let rooms: Vec<_> = held.chain(free.iter().map(|part| (Source::Free, *part))).collect();
        let portions =
            spread(hold.price, GpuSeconds::ZERO, runs, &rooms).ok_or_else(out_of_range)?;

        let taken: Vec<_> =
            portions.iter().filter(|portion| portion.source == Source::Held).collect();
        let taken_of =
            |grant_id| taken.iter().map(|p| &p.part).filter(move |p| p.grant_id == grant_id);
        // An extension may draw on a grant that the hold draws on already: one sum for each grant.
        let held = by_grant(&hold.parts).ok_or_else(out_of_range)?;
        let returned = held.iter().map(|part| part.without(taken_of(part.grant_id)));
        let returned: Vec<HoldPart> = returned.collect::<Option<_>>().ok_or_else(out_of_range)?;

        let (gpu_seconds, usek) =
            total(taken.iter().map(|portion| &portion.part)).ok_or_else(out_of_range)?;
        let state = HoldState::Settled { gpu_seconds, usek, at };
        Ok((Self { state, ..hold }, Settlement { portions, returned }))
    }

    /// What runs take that come to light when the hold is closed and nothing is set aside any more.
    ///
    /// `before` is the time that this hold's runs were posted for until now.
    pub fn settle_late(
        &self,
        before: GpuSeconds,
        runs: &[GpuSeconds],
        free: &[HoldPart],
    ) -> Result<Settlement, HoldError> {
        if self.state == HoldState::Open {
            return Err(HoldError::StillOpen(self.hold_id));
        }
        let rooms: Vec<_> = free.iter().map(|part| (Source::Free, *part)).collect();
        let portions =
            spread(self.price, before, runs, &rooms).ok_or(HoldError::OutOfRange(self.hold_id))?;
        Ok(Settlement { portions, returned: Vec::new() })
    }

    /// Closes the hold without a charge; all of it goes back to its grants.
    pub fn release(
        self,
        reason: ReleaseReason,
        at: DateTime<Utc>,
    ) -> Result<(Self, Vec<HoldPart>), HoldError> {
        let hold = self.require_open()?;
        let returned = hold.parts.clone();
        Ok((Self { state: HoldState::Released { reason, at }, ..hold }, returned))
    }

    /// How much of which grant it sets aside, in the order it is used; never empty.
    ///
    /// A grant is named once by the hold itself and once more by each extension that draws on it.
    pub fn parts(&self) -> &[HoldPart] {
        &self.parts
    }

    /// Where the hold stands now.
    pub fn state(&self) -> HoldState {
        self.state
    }

    fn require_open(self) -> Result<Self, HoldError> {
        match self.state {
            HoldState::Open => Ok(self),
            state => Err(HoldError::AlreadyClosed { hold_id: self.hold_id, state }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One µSEK a second, so that figures read alike in both units.
    const PRICE: Price = Price::new(3_600, 1_000_000).unwrap();
    const OLD: Uuid = Uuid::from_u128(1);
    const NEW: Uuid = Uuid::from_u128(2);

    fn noon() -> DateTime<Utc> {
        "2027-03-01T12:00:00Z".parse().unwrap()
    }

    fn seconds(amount: i64) -> GpuSeconds {
        GpuSeconds::new(amount).unwrap()
    }

    fn part(grant_id: Uuid, gpu_seconds: i64, usek: i64) -> HoldPart {
        HoldPart { grant_id, gpu_seconds: seconds(gpu_seconds), usek: MicroSek::new(usek).unwrap() }
    }

    fn portion(run_no: usize, source: Source, part: HoldPart) -> Portion {
        Portion { run_no, source, part }
    }

    fn hold_of(wanted: i64, free: &[HoldPart]) -> Result<Hold, HoldError> {
        Hold::open(Uuid::nil(), PRICE, seconds(wanted), free)
    }

    #[test]
    fn a_hold_is_split_over_grants_in_their_order() {
        let hold = hold_of(100, &[part(OLD, 30, 500), part(NEW, 500, 500)]).unwrap();
        assert_eq!(hold.parts(), [part(OLD, 30, 30), part(NEW, 70, 70)]);
    }

    #[test]
    fn too_little_time_and_too_little_money_are_told_apart() {
        let time = hold_of(100, &[part(OLD, 99, 500)]).unwrap_err();
        assert_eq!(
            time,
            HoldError::NotEnoughGpuSeconds { wanted: seconds(100), available: seconds(99) }
        );
        let money = hold_of(100, &[part(OLD, 500, 99)]).unwrap_err();
        assert!(matches!(money, HoldError::NotEnoughMoney { wanted, available }
            if (wanted.get(), available.get()) == (100, 99)));
    }

    #[test]
    fn settling_below_the_hold_returns_the_rest_of_each_part() {
        let hold = hold_of(100, &[part(OLD, 30, 500), part(NEW, 500, 500)]).unwrap();
        let (closed, settlement) = hold.settle(&[seconds(20), seconds(30)], &[], noon()).unwrap();
        assert_eq!(
            settlement.portions,
            [
                portion(0, Source::Held, part(OLD, 20, 20)),
                portion(1, Source::Held, part(OLD, 10, 10)),
                portion(1, Source::Held, part(NEW, 20, 20)),
            ]
        );
        assert_eq!(settlement.returned, [part(OLD, 0, 0), part(NEW, 50, 50)]);
        assert!(matches!(closed.state(), HoldState::Settled { gpu_seconds, .. }
            if gpu_seconds == seconds(50)));
    }

    #[test]
    fn use_above_the_hold_is_posted_not_clipped() {
        let hold = hold_of(100, &[part(OLD, 100, 100)]).unwrap();
        let (_, settlement) = hold.settle(&[seconds(150)], &[part(OLD, 20, 500)], noon()).unwrap();
        assert_eq!(
            settlement.portions,
            [
                portion(0, Source::Held, part(OLD, 100, 100)),
                portion(0, Source::Free, part(OLD, 20, 20)),
                portion(0, Source::Overrun, part(OLD, 30, 30)),
            ]
        );
    }

    #[test]
    fn an_extended_hold_pays_with_all_its_parts_and_returns_one_sum_a_grant() {
        let hold = hold_of(100, &[part(OLD, 30, 500), part(NEW, 500, 500)]).unwrap();
        let free = [part(OLD, 40, 40), part(NEW, 10, 500)];
        let (hold, added) = hold.extend(seconds(50), &free).unwrap();
        assert_eq!(added, [part(OLD, 40, 40), part(NEW, 10, 10)]);
        let (_, settlement) = hold.settle(&[seconds(120)], &[], noon()).unwrap();
        assert!(settlement.portions.iter().all(|portion| portion.source == Source::Held));
        assert_eq!(settlement.returned, [part(OLD, 20, 20), part(NEW, 10, 10)]);
    }

    #[test]
    fn an_extension_takes_no_more_than_is_free_in_either_unit() {
        let hold = hold_of(1, &[part(OLD, 1, 1)]).unwrap();
        let time = hold.clone().extend(seconds(100), &[part(OLD, 99, 500)]).unwrap_err();
        assert!(matches!(time, HoldError::NotEnoughGpuSeconds { .. }));
        let money = hold.clone().extend(seconds(100), &[part(OLD, 500, 99)]).unwrap_err();
        assert!(matches!(money, HoldError::NotEnoughMoney { wanted, available }
            if (wanted.get(), available.get()) == (100, 99)));
        let (closed, _) = hold.release(ReleaseReason::Expired, noon()).unwrap();
        let closed = closed.extend(seconds(1), &[part(OLD, 9, 9)]).unwrap_err();
        assert!(matches!(closed, HoldError::AlreadyClosed { .. }));
    }

    #[test]
    fn a_closed_hold_never_moves_again() {
        let hold = hold_of(1, &[part(OLD, 1, 1)]).unwrap();
        let (closed, _) = hold.release(ReleaseReason::Expired, noon()).unwrap();
        let refused = closed.clone().settle(&[seconds(1)], &[], noon());
        assert!(matches!(refused, Err(HoldError::AlreadyClosed { .. })));
        let refused = closed.release(ReleaseReason::Expired, noon());
        assert!(matches!(refused, Err(HoldError::AlreadyClosed { .. })));
    }

    #[test]
    fn a_run_found_after_the_hold_closed_takes_free_time_or_overruns() {
        let hold = hold_of(1, &[part(OLD, 1, 1)]).unwrap();
        assert!(matches!(
            hold.settle_late(seconds(0), &[seconds(5)], &[part(OLD, 3, 3)]),
            Err(HoldError::StillOpen(_))
        ));
        let (closed, _) = hold.release(ReleaseReason::Cancelled, noon()).unwrap();
        let late = closed.settle_late(seconds(0), &[seconds(5)], &[part(OLD, 3, 3)]).unwrap();
        assert_eq!(
            late.portions,
            [
                portion(0, Source::Free, part(OLD, 3, 3)),
                portion(0, Source::Overrun, part(OLD, 2, 2))
            ]
        );
    }
}
