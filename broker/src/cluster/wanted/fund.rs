//! A fund's account, what it may use at once, and the nodes set aside for it.

use std::collections::{BTreeMap, BTreeSet};

use quotas::pool::share::ShareMode;
use slurm_wire::Limits;

use super::super::facts::{Facts, FundFact, PoolFact};
use super::super::name;
use super::super::object::{Account, Body, Key, Reservation};
use super::{Wanted, plain_text};

/// Wants the account of a fund, and the reservations of those of its pools that have nodes.
pub(super) fn want(wanted: &mut Wanted, facts: &Facts, fund: &FundFact, account: &str) {
    if !wanted.takes(account) {
        return;
    }
    let pools = || facts.pools.iter().filter(|pool| pool.fund_id == fund.fund_id);
    let body = Account { parent: facts.account_root.clone(), limits: limits(facts, pools()) };
    wanted.descriptions.insert(account.to_owned(), plain_text(&format!("fund {}", fund.name)));
    wanted.put(Key::account(account), Body::Account(body), ("fund", fund.fund_id));
    for pool in pools().filter(|pool| facts.now < pool.valid_until) {
        let ShareMode::SetAside { nodes } = &pool.share else { continue };
        let starts_at = pool.usable_from.timestamp();
        let body = Reservation {
            nodes: nodes.iter().cloned().collect(),
            accounts: BTreeSet::from([account.to_owned()]),
            partition: Some(pool.partition.clone()),
            starts_at: (pool.usable_from > facts.now).then_some(starts_at),
            ends_at: pool.valid_until.timestamp(),
        };
        let key = Key::reservation(&name::reservation(pool.pool_id));
        wanted.put(key, Body::Reservation(body), ("pool", pool.pool_id));
    }
}

/// GPUs of each type that the fund may use at once: the sum of its open pools of that type. One
/// pool without a bound leaves the type without one.
fn limits<'a>(facts: &Facts, pools: impl Iterator<Item = &'a PoolFact>) -> Limits {
    let mut by_type: BTreeMap<&str, Option<u64>> = BTreeMap::new();
    let mut is_capped = false;
    for pool in pools.filter(|pool| pool.is_open(facts.now)) {
        let (most, caps) = match &pool.share {
            ShareMode::None => (None, false),
            ShareMode::SetAside { nodes } => {
                let count = i64::try_from(nodes.len()).unwrap_or(i64::MAX);
                (Some(count.saturating_mul(pool.gpus_per_node)), false)
            }
            ShareMode::Guaranteed { gpus } | ShareMode::Capped { gpus } => (Some(*gpus), true),
        };
        is_capped |= caps;
        let most = most.map(|most| u64::try_from(most).unwrap_or(0));
        let sum = by_type.entry(&pool.gpu_type).or_insert(Some(0));
        *sum = sum.zip(most).map(|(sum, most)| sum.saturating_add(most));
    }
    // Where nothing is capped, nodes set aside are a bound by themselves.
    if !is_capped {
        return Limits::default();
    }
    let at_once = by_type
        .into_iter()
        .filter_map(|(gpu_type, sum)| Some((format!("gres/gpu:{gpu_type}"), sum?)))
        .collect();
    Limits { at_once, ..Limits::default() }
}
