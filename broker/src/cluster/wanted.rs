//! What Slurm should have, computed from grants, members, limits and shares. Pure.
//!
//! The account tree is root → fund → project. Each project under each fund has one QOS, which is
//! its budget: Slurm's count of what was used never fades and never starts anew, so the limit is
//! all that was ever granted, less what went back, plus what was used beside the grants.

mod fund;
mod project;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::facts::{Facts, PoolFact, ProjectFact};
use super::name;
use super::object::{Body, Key, Kind};

/// Added to the priority of a crisis project's jobs.
pub const CRISIS_PRIORITY: u32 = 1_000;

/// What Slurm should have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The account under which everything lies; the operator's to make.
    pub root: String,
    /// Every object, in the order in which Slurm must have them.
    pub objects: BTreeMap<Key, Body>,
    /// What each account is for, in words.
    pub descriptions: BTreeMap<String, String>,
    /// Whom an object is about, for the audit trail: kind and id.
    pub subjects: BTreeMap<Key, (&'static str, Uuid)>,
    /// Account names that two different things would have; neither the second nor its users are
    /// kept.
    pub clashes: BTreeSet<String>,
}

/// Computes what Slurm should have.
pub fn wanted(facts: &Facts) -> Wanted {
    let mut wanted = Wanted { root: facts.account_root.clone(), ..Wanted::default() };
    let pools: HashMap<Uuid, &PoolFact> = facts.pools.iter().map(|it| (it.pool_id, it)).collect();
    let fund_accounts: HashMap<Uuid, String> = facts
        .funds
        .iter()
        .map(|fund| (fund.fund_id, name::fund_account(&fund.name, fund.fund_id)))
        .collect();
    for fund in &facts.funds {
        fund::want(&mut wanted, facts, fund, &fund_accounts[&fund.fund_id]);
    }
    let plain_qos = qos_that_make_way_in_a_crisis(facts);
    for here in &facts.projects {
        // A fund without a pool on the cluster has no account to hang the project under.
        if let Some(parent) = fund_accounts.get(&here.fund_id) {
            let rank = project::Rank { pools: &pools, plain_qos: &plain_qos };
            project::want(&mut wanted, facts, &rank, here, parent);
        }
    }
    wanted
}

/// The account of a project under one of its funds.
pub(crate) fn account_of(here: &ProjectFact) -> String {
    name::project_account(&here.slurm_account, here.fund_id, here.first_fund)
}

/// The QOS of every project that is in no crisis; nothing is computed while there is none.
fn qos_that_make_way_in_a_crisis(facts: &Facts) -> BTreeSet<String> {
    if facts.crisis_projects.is_empty() {
        return BTreeSet::new();
    }
    facts
        .projects
        .iter()
        .filter(|here| !facts.crisis_projects.contains(&here.project_id))
        .map(|here| name::qos(&account_of(here)))
        .collect()
}

impl Wanted {
    /// Whom an object is about, for the audit trail; of one that is not wanted, whom its account is.
    pub fn subject(&self, key: &Key) -> (&'static str, Uuid) {
        let of_account = || {
            let (account, _) = key.name.split_once('/')?;
            self.subjects.get(&Key::account(account))
        };
        self.subjects.get(key).or_else(of_account).copied().unwrap_or(("cluster", Uuid::nil()))
    }

    /// The name of an object as sealed rows may carry it: a user's without the user.
    pub fn told<'a>(&self, key: &'a Key) -> &'a str {
        match key.kind {
            Kind::User => key.name.split_once('/').map_or("", |(account, _)| account),
            Kind::Account | Kind::Qos | Kind::Reservation => &key.name,
        }
    }

    /// The QOS of every project whose account lies under a fund's.
    pub fn qos_under(&self, fund_account: &str) -> Vec<String> {
        let accounts = self.objects.iter().filter_map(|(key, body)| match body {
            Body::Account(account) if account.parent == fund_account => Some(&key.name),
            _ => None,
        });
        accounts.map(|account| name::qos(account)).collect()
    }

    /// Takes the name for an account; false, and remembered, if another has it.
    fn takes(&mut self, account: &str) -> bool {
        let free = account != self.root && !self.objects.contains_key(&Key::account(account));
        if !free {
            self.clashes.insert(account.to_owned());
        }
        free
    }

    fn put(&mut self, key: Key, body: Body, subject: (&'static str, Uuid)) {
        self.subjects.insert(key.clone(), subject);
        self.objects.insert(key, body);
    }
}

/// A text that every release of Slurm gives back as it got it: small letters, no quotes.
fn plain_text(text: &str) -> String {
    let kept = |letter: char| {
        if letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '-' | '_' | '.' | ':') {
            letter.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    text.chars().map(kept).take(80).collect()
}
