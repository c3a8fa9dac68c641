//! May this running job have more time: grants, permits and the agency's own stop, once more.
//!
//! An extension costs like the hold it adds to, at that hold's price, and is paid from the same
//! fund and place. What the job holds already was admitted before and is not asked about again, but
//! its grants too must be there until the new end: Slurm was told their earliest end as the job's
//! deadline. Limits at once are not asked, because nothing more runs at once than before.

use accounting::rate::Price;
use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use serde::Serialize;
use uuid::Uuid;

use super::{Ask, GrantFacts, Reason, Refusal, Snapshot, data, limits, offer};

/// More time for an attempt that waits or runs.
#[derive(Clone, Debug)]
pub struct ExtensionAsk {
    /// Who computes: whose permits and membership count.
    pub person_id: Uuid,
    /// GPUs of one task.
    pub gpu_count: i64,
    /// Tasks of the job's array; 1 for a single job.
    pub task_count: i64,
    /// The class of GPU capacity.
    pub class: String,
    /// The whole time limit there would be.
    pub wall_time_s: i64,
    /// How much of it is new.
    pub more_s: i64,
    /// When the job would be over at the latest.
    pub ends_at: DateTime<Utc>,
    /// The grants its hold draws on.
    pub held_grant_ids: Vec<Uuid>,
    /// The price its hold keeps.
    pub price: Price,
    /// When.
    pub now: DateTime<Utc>,
}

/// Yes, and on what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Extension {
    /// The grants to hold on, oldest expiry first; no more than are needed.
    pub grant_ids: Vec<Uuid>,
    /// What is held in addition: GPUs × tasks × the new seconds. The grace is held already.
    pub gpu_seconds: GpuSeconds,
    /// What it costs at most.
    pub usek: MicroSek,
}

impl ExtensionAsk {
    /// What the extension sets aside; beyond 64 bits the largest amount there is, which no grant has.
    fn gpu_seconds(&self) -> GpuSeconds {
        let of_task = self.gpu_count.saturating_mul(self.more_s);
        GpuSeconds::new(of_task.saturating_mul(self.task_count)).unwrap_or(GpuSeconds::ZERO)
    }

    /// The question as the permits are asked it.
    fn as_ask(&self) -> Ask {
        Ask {
            person_id: self.person_id,
            gpu_count: self.gpu_count,
            wall_time_s: self.wall_time_s,
            task_count: self.task_count,
            tasks_at_once: None,
            class: self.class.clone(),
            now: self.now,
        }
    }
}

/// Decides whether an open attempt may have more time.
///
/// The ledger has the last word on the amounts: it extends the hold under its own lock.
pub fn decide_extension(ask: &ExtensionAsk, snapshot: &Snapshot) -> Result<Extension, Refusal> {
    let refuse = |reason| Err(Refusal { reasons: vec![reason] });
    let Some(project) = &snapshot.project else { return refuse(Reason::UnknownProject) };
    if !project.is_member {
        return refuse(Reason::NotAMember);
    }
    if ask.more_s < 1 || ask.gpu_count < 1 {
        return refuse(Reason::NothingAsked);
    }
    if ask.task_count < 1 {
        return refuse(Reason::NoTasks);
    }
    let as_ask = ask.as_ask();
    let mut reasons = data::faults(&as_ask, project.data_class, snapshot);
    reasons.extend(limits::stopped(snapshot));
    let drawn = match draw(ask, &snapshot.grants) {
        Ok(extension) => Some(extension),
        Err(more) => {
            reasons.extend(more);
            None
        }
    };
    reasons.extend(data::ends_too_soon(&as_ask, ask.ends_at, project.data_class, snapshot));
    match drawn {
        Some(extension) if reasons.is_empty() => Ok(extension),
        _ => Err(Refusal { reasons }),
    }
}

/// What the grants of the hold's place and fund give, or why they do not.
fn draw(ask: &ExtensionAsk, grants: &[GrantFacts]) -> Result<Extension, Vec<Reason>> {
    let asked_s = ask.wall_time_s;
    let held: Vec<&GrantFacts> =
        grants.iter().filter(|grant| ask.held_grant_ids.contains(&grant.grant_id)).collect();
    let none = || vec![Reason::NoGrant { class: ask.class.clone() }];
    let home = *held.first().ok_or_else(none)?;
    let mut reasons = Vec::new();
    let held_until = held.iter().map(|grant| grant.ends_at()).min().unwrap_or(ask.now);
    if held_until < ask.ends_at {
        reasons.push(Reason::GrantEndsTooSoon { ends_at: held_until, asked_s });
    }
    let at_home: Vec<&GrantFacts> = grants.iter().filter(|grant| grant.goes_with(home)).collect();
    let mut open = offer::open(&at_home, ask.now).map_err(|why| {
        let mut reasons = reasons.clone();
        reasons.push(why);
        reasons
    })?;
    if let Err(limit_s) = offer::narrow(&mut open, |grant| grant.max_wall_time_s, asked_s) {
        reasons.push(Reason::WallTimeAboveGrant { asked_s, limit_s });
    }
    if let Err(ends_at) = offer::narrow(&mut open, GrantFacts::ends_at, ask.ends_at) {
        let reason = Reason::GrantEndsTooSoon { ends_at, asked_s };
        if !reasons.iter().any(|told| matches!(told, Reason::GrantEndsTooSoon { .. })) {
            reasons.push(reason);
        }
    }
    let wanted = ask.gpu_seconds();
    match paid(ask.price, wanted, &open) {
        Ok(extension) if reasons.is_empty() => Ok(extension),
        Ok(_) => Err(reasons),
        Err(short) => {
            reasons.push(short);
            Err(reasons)
        }
    }
}

/// Takes what is wanted from the grants in order, each part's money rounded up as the ledger does.
fn paid(price: Price, wanted: GpuSeconds, grants: &[&GrantFacts]) -> Result<Extension, Reason> {
    let mut left = wanted;
    let mut usek = MicroSek::ZERO;
    let mut grant_ids = Vec::new();
    for grant in grants {
        let part = left.min(grant.available).min(price.covered_by(grant.available_usek));
        let cost = price.cost_at_most(part).and_then(|cost| usek.checked_add(cost));
        let (Some(cost), Some(rest)) = (cost, left.checked_sub(part)) else { continue };
        if part > GpuSeconds::ZERO {
            grant_ids.push(grant.grant_id);
            (usek, left) = (cost, rest);
        }
    }
    if left == GpuSeconds::ZERO {
        return Ok(Extension { grant_ids, gpu_seconds: wanted, usek });
    }
    let time = grants
        .iter()
        .try_fold(GpuSeconds::ZERO, |sum, grant| sum.checked_add(grant.available))
        .unwrap_or(wanted);
    if time < wanted {
        return Err(Reason::NotEnoughGpuSeconds { wanted, available: time });
    }
    let most = MicroSek::new(i64::MAX).unwrap_or_default();
    let cost = price.cost_at_most(wanted).unwrap_or(most);
    let money = grants
        .iter()
        .try_fold(MicroSek::ZERO, |sum, grant| sum.checked_add(grant.available_usek))
        .unwrap_or(cost);
    // Enough of both in all, but not in the same grants: what is short is money where time is.
    let available = if money < cost { money } else { usek };
    Err(Reason::NotEnoughMoney { wanted: cost, available })
}
