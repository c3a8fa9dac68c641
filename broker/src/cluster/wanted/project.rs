//! A project under a fund: its account, its QOS, and who may run there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use quotas::pool::share::ShareMode;
use slurm_wire::{Limits, QosRow};
use uuid::Uuid;

use super::super::facts::{Facts, LimitFact, PoolFact, ProjectFact};
use super::super::name;
use super::super::object::{Account, Body, Key, User};
use super::{CRISIS_PRIORITY, Wanted, account_of, plain_text};

/// What a project's QOS is measured against.
pub(super) struct Rank<'a> {
    /// Every pool of the cluster.
    pub(super) pools: &'a HashMap<Uuid, &'a PoolFact>,
    /// The QOS that make way for a project in a crisis, beside research.
    pub(super) plain_qos: &'a BTreeSet<String>,
}

/// Wants the account, the QOS and the users of a project under a fund.
pub(super) fn want(
    wanted: &mut Wanted,
    facts: &Facts,
    rank: &Rank<'_>,
    here: &ProjectFact,
    parent: &str,
) {
    let account = account_of(here);
    if !wanted.takes(&account) {
        return;
    }
    let subject = ("project", here.project_id);
    let words = plain_text(&format!("project {}", here.slug));
    wanted.descriptions.insert(account.clone(), words.clone());
    let body = Account { parent: parent.to_owned(), limits: Limits::default() };
    wanted.put(Key::account(&account), Body::Account(body), subject);

    let qos = name::qos(&account);
    let in_crisis = facts.crisis_projects.contains(&here.project_id);
    let row = QosRow {
        name: qos.clone(),
        description: words,
        priority: priority(facts, here, in_crisis),
        preempts: preempts(facts, rank, here, in_crisis),
        no_decay: true,
        // A job above a limit waits: the broker has refused what has no budget, and what has one
        // must not be lost because Slurm's count runs a few seconds behind.
        deny_on_limit: false,
        limits: limits(facts, rank.pools, here),
    };
    wanted.put(Key::qos(&qos), Body::Qos(row), subject);
    for (user, person_id) in &here.users {
        let body = User {
            account: account.clone(),
            user: user.clone(),
            qos: BTreeSet::from([qos.clone()]),
            default_qos: Some(qos.clone()),
        };
        wanted.put(Key::user(&account, user), Body::User(body), ("person", *person_id));
    }
}

/// How far ahead its jobs stand: before all others in a crisis, behind them when its agency has
/// lowered itself at a limit. Slurm knows nothing below 0.
fn priority(facts: &Facts, here: &ProjectFact, in_crisis: bool) -> u32 {
    if in_crisis {
        facts.normal_priority.saturating_add(CRISIS_PRIORITY)
    } else if facts.lowered_agencies.contains(&here.agency_id) {
        0
    } else {
        facts.normal_priority
    }
}

/// The QOS whose jobs make way: research where one of the project's open pools is guaranteed, and
/// everybody else's while the project is in a crisis.
fn preempts(
    facts: &Facts,
    rank: &Rank<'_>,
    here: &ProjectFact,
    in_crisis: bool,
) -> BTreeSet<String> {
    if in_crisis {
        return facts.research_qos.union(rank.plain_qos).cloned().collect();
    }
    if facts.lowered_agencies.contains(&here.agency_id) {
        return BTreeSet::new();
    }
    let is_guaranteed =
        here.ceilings.keys().filter_map(|pool_id| rank.pools.get(pool_id)).any(|pool| {
            pool.is_open(facts.now) && matches!(pool.share, ShareMode::Guaranteed { .. })
        });
    if is_guaranteed { facts.research_qos.clone() } else { BTreeSet::new() }
}

/// Minutes from the grants, and use at once from the limits of project and agency.
///
/// An agency's limit binds all of its projects together; each of their QOS has it whole, so that
/// Slurm never refuses what the broker admits. The sum is the broker's to keep.
fn limits(facts: &Facts, pools: &HashMap<Uuid, &PoolFact>, here: &ProjectFact) -> Limits {
    let mut seconds: BTreeMap<&str, i64> = BTreeMap::new();
    let mut classes: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (pool_id, ceiling) in &here.ceilings {
        let Some(pool) = pools.get(pool_id) else { continue };
        let sum = seconds.entry(&pool.gpu_type).or_default();
        *sum = sum.saturating_add(ceiling.get());
        classes.insert((&pool.gpu_type, &pool.class));
    }
    let all = seconds.values().fold(0_i64, |all, one| all.saturating_add(*one));
    let mut minutes: BTreeMap<String, u64> = seconds
        .iter()
        .map(|(gpu_type, seconds)| (format!("gres/gpu:{gpu_type}"), whole_minutes(*seconds)))
        .collect();
    minutes.insert("gres/gpu".to_owned(), whole_minutes(all));

    let bounds = Bounds::of(facts, here);
    let mut at_once: BTreeMap<String, u64> = BTreeMap::new();
    for gpu_type in seconds.keys() {
        let of_type = classes.iter().filter(|(is, _)| is == gpu_type);
        let most = bounds.summed(of_type.map(|(_, class)| *class), |it| it.gpus_at_once);
        at_once.extend(most.map(|most| (format!("gres/gpu:{gpu_type}"), most)));
    }
    at_once.extend(bounds.overall(|it| it.gpus_at_once).map(|most| ("gres/gpu".to_owned(), most)));
    let jobs = [
        bounds.overall(|it| it.jobs_at_once),
        bounds.summed(classes.iter().map(|(_, class)| *class), |it| it.jobs_at_once),
    ];
    let jobs = jobs.into_iter().flatten().min();
    let submitted_jobs = jobs.map(|most| u32::try_from(most).unwrap_or(u32::MAX));
    Limits { at_once, minutes, running_jobs: None, submitted_jobs }
}

/// Slurm counts in minutes: the last begun one is the project's too.
fn whole_minutes(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).div_ceil(60)
}

/// The limits that bind a project: its own and its agency's.
struct Bounds<'a>(Vec<&'a LimitFact>);

impl<'a> Bounds<'a> {
    fn of(facts: &'a Facts, here: &ProjectFact) -> Self {
        let for_id = |id: Uuid| facts.limits.get(&id).into_iter().flatten();
        Self(for_id(here.project_id).chain(for_id(here.agency_id)).collect())
    }

    /// The tightest limit on all classes together.
    fn overall(&self, figure: impl Fn(&LimitFact) -> Option<i64>) -> Option<u64> {
        tightest(self.0.iter().filter(|limit| limit.class.is_none()).filter_map(|it| figure(it)))
    }

    /// The sum of the classes' tightest limits; `None` if one of them has none.
    fn summed<'c>(
        &self,
        classes: impl Iterator<Item = &'c str>,
        figure: impl Fn(&LimitFact) -> Option<i64>,
    ) -> Option<u64> {
        let mut sum: Option<u64> = None;
        for class in classes {
            let of_class = |limit: &&&LimitFact| limit.class.as_deref() == Some(class);
            let most = tightest(self.0.iter().filter(of_class).filter_map(|it| figure(it)))?;
            sum = Some(sum.unwrap_or(0).saturating_add(most));
        }
        sum
    }
}

fn tightest(figures: impl Iterator<Item = i64>) -> Option<u64> {
    figures.min().map(|most| u64::try_from(most).unwrap_or(0))
}
