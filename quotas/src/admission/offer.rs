//! Which grants could pay for the job, and where it would run.
//!
//! A job runs in one place and is paid from one fund, so grants are weighed together only when both
//! are the same. Among them the oldest expiry burns first. The arithmetic of what a grant has room
//! for is the ledger's own: time and money are cut at the same second, and the cost of the parts is
//! the cost of the whole. What is held and asked of Slurm is whole units of the class; a job that
//! asks for a part of one is refused, because a node that it did not ask for costs many times more.

use std::cmp::Reverse;

use accounting::rate::Price;
use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};

use super::{Admitted, Ask, GrantFacts, PoolFacts, Reason};
use crate::pool::AllocationUnit;

/// The first place, by oldest expiry, where grants can pay; else why the nearest one cannot.
pub(super) fn best(ask: &Ask, grants: &[GrantFacts]) -> Result<Admitted, Vec<Reason>> {
    let of_class: Vec<&GrantFacts> =
        grants.iter().filter(|grant| grant.pool.class == ask.class).collect();
    if of_class.is_empty() {
        return Err(vec![Reason::NoGrant { class: ask.class.clone() }]);
    }
    let usable = open(&of_class, ask.now).map_err(|why| vec![why])?;
    let mut fewest: Option<Vec<Reason>> = None;
    for group in by_place(&usable) {
        match weigh(ask, &group) {
            Ok(admitted) => return Ok(admitted),
            Err(reasons) => {
                if fewest.as_ref().is_none_or(|other| reasons.len() < other.len()) {
                    fewest = Some(reasons);
                }
            }
        }
    }
    Err(fewest.unwrap_or_default())
}

/// The grants that can be used now, oldest expiry first; else why the nearest one cannot. Of no
/// grants none is over, so there must be one.
pub(super) fn open<'a>(
    grants: &[&'a GrantFacts],
    now: DateTime<Utc>,
) -> Result<Vec<&'a GrantFacts>, Reason> {
    let mut usable: Vec<&GrantFacts> = Vec::new();
    let mut closed: Vec<Closed> = Vec::new();
    for &grant in grants {
        match grant.closed(now) {
            None => usable.push(grant),
            Some(why) => closed.push(why),
        }
    }
    if let (true, Some(nearest)) = (usable.is_empty(), closed.into_iter().min()) {
        return Err(Reason::from(nearest));
    }
    usable.sort_by_key(|grant| (grant.ends_at(), grant.grant_id));
    Ok(usable)
}

/// Why a grant cannot be used now; what passes by itself soonest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Closed {
    NotOpen(DateTime<Utc>),
    NotBegun(DateTime<Utc>),
    FundEnded(Reverse<DateTime<Utc>>),
    Over(Reverse<DateTime<Utc>>, End),
}

/// How a grant came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Superseded,
    Expired,
}

impl From<Closed> for Reason {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::NotOpen(opens_at) => Self::NotOpenYet { opens_at },
            Closed::NotBegun(begins_at) => Self::GrantNotYetValid { begins_at },
            Closed::FundEnded(Reverse(ended_at)) => Self::FundEnded { ended_at },
            Closed::Over(Reverse(ended_at), End::Superseded) => Self::GrantSuperseded { ended_at },
            Closed::Over(Reverse(ended_at), End::Expired) => Self::GrantExpired { ended_at },
        }
    }
}

impl GrantFacts {
    fn closed(&self, now: DateTime<Utc>) -> Option<Closed> {
        if let Some(superseded_at) = self.superseded_at {
            return Some(Closed::Over(Reverse(superseded_at), End::Superseded));
        }
        if now >= self.valid_until {
            return Some(Closed::Over(Reverse(self.valid_until), End::Expired));
        }
        if now >= self.fund_ends_at {
            return Some(Closed::FundEnded(Reverse(self.fund_ends_at)));
        }
        if now < self.valid_from {
            return Some(Closed::NotBegun(self.valid_from));
        }
        self.opens_at.filter(|opens_at| now < *opens_at).map(Closed::NotOpen)
    }

    /// The last instant a job may run on it.
    pub(super) fn ends_at(&self) -> DateTime<Utc> {
        self.valid_until.min(self.fund_ends_at)
    }

    /// Whether one job could draw on both: one place, one unit and node shape, one fund.
    pub(super) fn goes_with(&self, other: &Self) -> bool {
        let (one, two) = (&self.pool, &other.pool);
        one.fund_id == two.fund_id
            && one.cluster == two.cluster
            && one.partition == two.partition
            && one.gpu_type == two.gpu_type
            && one.gpus_per_node == two.gpus_per_node
            && one.unit == two.unit
    }
}

impl PoolFacts {
    /// How many units so many GPUs are, and whether they are all of their node.
    const fn units(&self, gpu_count: i64) -> (i64, bool) {
        match self.unit {
            AllocationUnit::Gpu | AllocationUnit::MigInstance { .. } => (gpu_count, false),
            AllocationUnit::Node => (gpu_count / self.gpus_per_node, true),
        }
    }
}

/// The grants in groups that one job could draw on, both in the order given.
fn by_place<'a>(grants: &[&'a GrantFacts]) -> Vec<Vec<&'a GrantFacts>> {
    let mut groups: Vec<Vec<&GrantFacts>> = Vec::new();
    for &grant in grants {
        match groups.iter_mut().find(|group| group[0].goes_with(grant)) {
            Some(group) => group.push(grant),
            None => groups.push(vec![grant]),
        }
    }
    groups
}

/// Whether the grants of one group, never empty, can pay for the job together.
fn weigh(ask: &Ask, group: &[&GrantFacts]) -> Result<Admitted, Vec<Reason>> {
    let (bounded, mut reasons) = within_bounds(ask, ask.over_at(), group);
    let pool = &group[0].pool;
    let Some((rate, price)) =
        group[0].rate.as_ref().and_then(|rate| Some((rate, rate.price().ok()?)))
    else {
        let (class, partition) = (pool.class.clone(), pool.partition.clone());
        reasons.push(Reason::NoPrice { class, partition });
        return Err(reasons);
    };
    let wanted = ask.gpu_seconds();
    let drawn = draw(price, wanted, &bounded);
    if drawn.missing > GpuSeconds::ZERO {
        reasons.extend(shortage(price, wanted, &bounded, &drawn));
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let (units, whole_node) = pool.units(ask.gpu_count);
    let deadline = drawn.parts.iter().map(|part| part.ends_at()).min();
    let pool = drawn.parts.first().map(|part| part.pool.clone());
    Ok(Admitted {
        grant_ids: drawn.parts.iter().map(|part| part.grant_id).collect(),
        units,
        gpu_count: ask.gpu_count,
        task_count: ask.task_count,
        gpus_at_once: ask.gpus_at_once(),
        tasks_at_once: ask.at_once(),
        whole_node,
        gpu_seconds: wanted,
        usek: drawn.cost,
        rate_id: rate.rate_id,
        deadline: deadline.unwrap_or(ask.now),
        pool: pool.unwrap_or_else(|| group[0].pool.clone()),
    })
}

/// The grants whose bounds the job keeps, and a reason for each bound that none of them allows.
fn within_bounds<'a>(
    ask: &Ask,
    over_at: DateTime<Utc>,
    group: &[&'a GrantFacts],
) -> (Vec<&'a GrantFacts>, Vec<Reason>) {
    let mut reasons = Vec::new();
    let (asked, asked_s) = (ask.gpu_count, ask.wall_time_s);
    let per_node = group[0].pool.gpus_per_node;
    if asked > per_node {
        reasons.push(Reason::TooManyGpusForNode { asked, per_node });
    } else if group[0].pool.unit == AllocationUnit::Node && asked < per_node {
        reasons.push(Reason::WholeNodesOnly { asked, per_node });
    }
    let mut bounded = group.to_vec();
    if let Err(limit) = narrow(&mut bounded, |grant| grant.max_gpus, ask.gpus_at_once()) {
        reasons.push(if asked > limit || ask.at_once() == 1 {
            Reason::TooManyGpusForGrant { asked, limit }
        } else {
            let (asked, fitting) = (ask.gpus_at_once(), limit / asked.max(1));
            Reason::TooManyTasksForGrant { asked, limit, fitting }
        });
    }
    if let Err(limit_s) = narrow(&mut bounded, |grant| grant.max_wall_time_s, asked_s) {
        reasons.push(Reason::WallTimeAboveGrant { asked_s, limit_s });
    }
    if let Err(ends_at) = narrow(&mut bounded, GrantFacts::ends_at, over_at) {
        reasons.push(Reason::GrantEndsTooSoon { ends_at, asked_s });
    }
    (bounded, reasons)
}

/// Keeps the grants whose bound reaches `asked`; if none does, keeps all and tells the widest.
pub(super) fn narrow<T: Ord + Copy>(
    grants: &mut Vec<&GrantFacts>,
    bound: impl Fn(&GrantFacts) -> T,
    asked: T,
) -> Result<(), T> {
    let widest = grants.iter().map(|grant| bound(grant)).max().unwrap_or(asked);
    if widest < asked {
        return Err(widest);
    }
    grants.retain(|grant| bound(grant) >= asked);
    Ok(())
}

/// What a job takes of its grants, in order.
struct Drawn<'a> {
    parts: Vec<&'a GrantFacts>,
    cost: MicroSek,
    missing: GpuSeconds,
}

/// Takes what the job wants from the grants in order, as far as each has both time and money.
fn draw<'a>(price: Price, wanted: GpuSeconds, grants: &[&'a GrantFacts]) -> Drawn<'a> {
    let mut drawn = Drawn { parts: Vec::new(), cost: MicroSek::ZERO, missing: wanted };
    let mut taken = GpuSeconds::ZERO;
    for &grant in grants {
        let Some(budget) = drawn.cost.checked_add(grant.available_usek) else { continue };
        let Some(payable) = price.most_within(budget).checked_sub(taken) else { continue };
        let part = drawn.missing.min(grant.available).min(payable);
        let after = taken.checked_add(part).and_then(|taken| Some((taken, price.cost(taken)?)));
        let Some((taken_after, cost_after)) = after else { continue };
        let Some(missing) = drawn.missing.checked_sub(part) else { continue };
        if part > GpuSeconds::ZERO {
            drawn.parts.push(grant);
            (taken, drawn.cost, drawn.missing) = (taken_after, cost_after, missing);
        }
    }
    drawn
}

/// Which unit the grants are short of: time, money, or both.
fn shortage(
    price: Price,
    wanted: GpuSeconds,
    grants: &[&GrantFacts],
    drawn: &Drawn<'_>,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let time = grants
        .iter()
        .try_fold(GpuSeconds::ZERO, |sum, grant| sum.checked_add(grant.available))
        .unwrap_or(wanted);
    if time < wanted {
        reasons.push(Reason::NotEnoughGpuSeconds { wanted, available: time });
    }
    let cost = price.cost(wanted).unwrap_or(MicroSek::new(i64::MAX).unwrap_or_default());
    let money = grants
        .iter()
        .try_fold(MicroSek::ZERO, |sum, grant| sum.checked_add(grant.available_usek))
        .unwrap_or(cost);
    if money < cost {
        reasons.push(Reason::NotEnoughMoney { wanted: cost, available: money });
    } else if reasons.is_empty() {
        // Enough of both in all, but not in the same grants: what is short is money where time is.
        reasons.push(Reason::NotEnoughMoney { wanted: cost, available: drawn.cost });
    }
    reasons
}
