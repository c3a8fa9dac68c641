//! Spreading use over the grants that pay for it, in order, in both units at once.
//!
//! Each grant takes as much as it has both time and money for. The money of a portion is the cost
//! up to its end minus the cost up to its start: so the portions of one use cost together exactly
//! what the whole costs, however often it is cut, and no half µSEK is paid twice.

use record::{GpuSeconds, MicroSek};
use uuid::Uuid;

use crate::rate::Price;

/// So much of one grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HoldPart {
    /// The grant.
    pub grant_id: Uuid,
    /// Its time.
    pub gpu_seconds: GpuSeconds,
    /// Its money.
    pub usek: MicroSek,
}

/// Where a portion of use is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What the hold had set aside.
    Held,
    /// What the grant has free, because the use is above the hold.
    Free,
    /// Nothing: no grant has room.
    Overrun,
}

/// A portion of one run's use, on one grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    /// The run's place in the list that was spread.
    pub run_no: usize,
    /// Where it is taken from.
    pub source: Source,
    /// How much of which grant.
    pub part: HoldPart,
}

impl HoldPart {
    /// What is left of the part without `taken`, or `None` below zero in either unit.
    pub(crate) fn without<'a>(&self, mut taken: impl Iterator<Item = &'a Self>) -> Option<Self> {
        taken.try_fold(*self, |left, taken| {
            Some(Self {
                gpu_seconds: left.gpu_seconds.checked_sub(taken.gpu_seconds)?,
                usek: left.usek.checked_sub(taken.usek)?,
                ..left
            })
        })
    }
}

/// The sum of parts in both units, or `None` if it does not fit.
pub(crate) fn total<'a>(
    mut parts: impl Iterator<Item = &'a HoldPart>,
) -> Option<(GpuSeconds, MicroSek)> {
    parts.try_fold((GpuSeconds::ZERO, MicroSek::ZERO), |(gpu_seconds, usek), part| {
        Some((gpu_seconds.checked_add(part.gpu_seconds)?, usek.checked_add(part.usek)?))
    })
}

/// The sum of the parts of each grant, in the order the grants are first named.
pub(crate) fn by_grant(parts: &[HoldPart]) -> Option<Vec<HoldPart>> {
    let mut sums: Vec<HoldPart> = Vec::new();
    for part in parts {
        match sums.iter_mut().find(|sum| sum.grant_id == part.grant_id) {
            None => sums.push(*part),
            Some(sum) => {
                sum.gpu_seconds = sum.gpu_seconds.checked_add(part.gpu_seconds)?;
                sum.usek = sum.usek.checked_add(part.usek)?;
            }
        }
    }
    Some(sums)
}

/// Takes `wanted` from what is `free`, each part with money enough for it wherever it will lie.
///
/// Also tells how much of it nothing that is free has money for. `None` if a cost does not fit.
pub(crate) fn add(
    price: Price,
    wanted: GpuSeconds,
    free: &[HoldPart],
) -> Option<(Vec<HoldPart>, GpuSeconds)> {
    let mut left = wanted;
    let mut added = Vec::new();
    for room in free {
        let gpu_seconds = left.min(room.gpu_seconds).min(price.covered_by(room.usek));
        if gpu_seconds > GpuSeconds::ZERO {
            let usek = price.cost_at_most(gpu_seconds)?;
            added.push(HoldPart { grant_id: room.grant_id, gpu_seconds, usek });
            left = left.checked_sub(gpu_seconds)?;
        }
    }
    Some((added, left))
}

/// Cuts `runs` into portions that fit the `rooms`, after `before` was used at the same price.
///
/// What no room can take becomes overrun on the last room's grant. `None` if there is no room at
/// all to name, or if a cost does not fit.
pub(crate) fn spread(
    price: Price,
    before: GpuSeconds,
    runs: &[GpuSeconds],
    rooms: &[(Source, HoldPart)],
) -> Option<Vec<Portion>> {
    let last_grant_id = rooms.last()?.1.grant_id;
    let mut rooms = rooms.iter().copied();
    let mut room = rooms.next();
    let mut used = before;
    let mut cost = price.cost(before)?;
    let mut portions = Vec::new();
    for (run_no, &run) in runs.iter().enumerate() {
        let mut left = run;
        while left > GpuSeconds::ZERO {
            let gpu_seconds = match &room {
                Some((_, room)) => left.min(fitting(price, (used, cost), room)?),
                None => left,
            };
            if gpu_seconds == GpuSeconds::ZERO {
                room = rooms.next();
                continue;
            }
            let used_after = used.checked_add(gpu_seconds)?;
            let cost_after = price.cost(used_after)?;
            let usek = cost_after.checked_sub(cost)?;
            let (source, grant_id) = match &mut room {
                Some((source, room)) => {
                    let part = HoldPart { gpu_seconds, usek, ..*room };
                    *room = room.without(std::iter::once(&part))?;
                    (*source, room.grant_id)
                }
                None => (Source::Overrun, last_grant_id),
            };
            portions.push(Portion {
                run_no,
                source,
                part: HoldPart { grant_id, gpu_seconds, usek },
            });
            (used, cost) = (used_after, cost_after);
            left = left.checked_sub(gpu_seconds)?;
        }
    }
    Some(portions)
}

/// How much more of the use a room can take, when `used` of it cost `cost` until now.
fn fitting(
    price: Price,
    (used, cost): (GpuSeconds, MicroSek),
    room: &HoldPart,
) -> Option<GpuSeconds> {
    // Saturating is exact here: a cost above the range of a `bigint` is refused by `Price::cost`.
    let affordable = MicroSek::new(cost.get().saturating_add(room.usek.get()))?;
    Some(room.gpu_seconds.min(price.most_within(affordable).checked_sub(used)?))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prop_assert, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        /// Nothing is lost, nothing is made, and no room gives more than it has, in either unit.
        #[test]
        fn spreading_conserves_time_and_money(
            price in 0..=1_i64 << 34,
            factor in 0..=2_000_000_i64,
            runs in vec(0..100_000_i64, 1..6),
            room_figures in vec((0..200_000_i64, 0..=1_i64 << 40), 1..6),
        ) {
            let price = Price::new(price, factor).unwrap();
            let runs: Vec<_> = runs.into_iter().map(|run| GpuSeconds::new(run).unwrap()).collect();
            let rooms: Vec<_> = room_figures.iter().zip(1_u128..).map(|(&(time, money), id)| {
                let gpu_seconds = GpuSeconds::new(time).unwrap();
                let usek = MicroSek::new(money).unwrap();
                (Source::Free, HoldPart { grant_id: Uuid::from_u128(id), gpu_seconds, usek })
            }).collect();

            let portions = spread(price, GpuSeconds::ZERO, &runs, &rooms).unwrap();

            for (run_no, run) in runs.iter().enumerate() {
                let of_run = portions.iter().filter(|portion| portion.run_no == run_no);
                prop_assert_eq!(total(of_run.map(|portion| &portion.part)).unwrap().0, *run);
            }
            let (time, money) = total(portions.iter().map(|portion| &portion.part)).unwrap();
            prop_assert_eq!(price.cost(time).unwrap(), money);
            for (_, room) in &rooms {
                let of_room = portions.iter().filter(|portion| {
                    portion.source == Source::Free && portion.part.grant_id == room.grant_id
                });
                prop_assert!(room.without(of_room.map(|portion| &portion.part)).is_some());
            }
        }

        /// Use within a hold fits the hold in both units, however the hold and the use were cut.
        #[test]
        fn use_within_a_hold_is_paid_by_the_hold(
            price in 0..=1_i64 << 34,
            free in vec(0..50_000_i64, 1..6),
            runs in vec(0..50_000_i64, 1..6),
        ) {
            let price = Price::new(price, 1_234_567).unwrap();
            let plenty = MicroSek::new(1 << 60).unwrap();
            let seconds = |amount: i64| GpuSeconds::new(amount).unwrap();
            let rooms: Vec<_> = free.iter().zip(1_u128..).map(|(&time, id)| {
                let grant_id = Uuid::from_u128(id);
                (Source::Free, HoldPart { grant_id, gpu_seconds: seconds(time), usek: plenty })
            }).collect();
            let wanted = seconds(free.iter().sum());
            let held = spread(price, GpuSeconds::ZERO, &[wanted], &rooms).unwrap();
            let held: Vec<_> =
                held.into_iter().map(|portion| (Source::Held, portion.part)).collect();
            let runs: Vec<_> = runs.into_iter().map(seconds).collect();
            let use_in_all: i64 = runs.iter().map(|run| run.get()).sum();

            if let Some(portions) = spread(price, GpuSeconds::ZERO, &runs, &held) {
                let above: i64 = portions.iter()
                    .filter(|portion| portion.source == Source::Overrun)
                    .map(|portion| portion.part.gpu_seconds.get())
                    .sum();
                prop_assert_eq!(above, (use_in_all - wanted.get()).max(0));
            } else {
                prop_assert_eq!(wanted, GpuSeconds::ZERO);
            }
        }

        /// Use within an extended hold is paid by what it holds, whichever extensions were given back.
        #[test]
        fn use_within_an_extended_hold_is_paid_by_it(
            price in 0..=1_i64 << 34,
            base in 1..50_000_i64,
            extensions in vec((1..5_000_i64, proptest::bool::ANY), 0..8),
            runs in vec(0..50_000_i64, 1..6),
        ) {
            let price = Price::new(price, 1_234_567).unwrap();
            let grant_id = Uuid::from_u128(1);
            let usek = MicroSek::new(1 << 60).unwrap();
            let seconds = |amount: i64| GpuSeconds::new(amount).unwrap();
            let plenty = |time| HoldPart { grant_id, gpu_seconds: seconds(time), usek };
            let free = (Source::Free, plenty(1 << 40));
            let mut held: Vec<HoldPart> = spread(price, GpuSeconds::ZERO, &[seconds(base)], &[free])
                .unwrap().into_iter().map(|portion| portion.part).collect();
            for &(time, _) in extensions.iter().filter(|(_, stands)| *stands) {
                held.extend(add(price, seconds(time), &[plenty(1 << 40)]).unwrap().0);
            }
            let wanted = total(held.iter()).unwrap().0.get();
            let rooms: Vec<_> = held.into_iter().map(|part| (Source::Held, part)).collect();
            let runs: Vec<_> = runs.into_iter().map(seconds).collect();
            let use_in_all: i64 = runs.iter().map(|run| run.get()).sum();
            let above: i64 = spread(price, GpuSeconds::ZERO, &runs, &rooms).unwrap().iter()
                .filter(|portion| portion.source == Source::Overrun)
                .map(|portion| portion.part.gpu_seconds.get())
                .sum();
            prop_assert_eq!(above, (use_in_all - wanted).max(0));
        }
    }
}
