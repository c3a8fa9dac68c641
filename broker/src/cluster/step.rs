//! The calls that mend a set of differences, in the order in which Slurm can take them. Pure.
//!
//! Accounts come before what hangs under them, QOS before users who may ask for them, reservations
//! last. Of an object only the fields of the given lines change: what else somebody changed by hand
//! stays until the operator says so.

use std::collections::BTreeMap;

use slurm_wire::{AccountLimits, Call, Limits, NewAccount, NewReservation, UserAssociation};

use super::actual::Actual;
use super::field::Field;
use super::line::Line;
use super::object::{Body, Key, Kind, Reservation, User};
use super::wanted::Wanted;

/// What is done about one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The object.
    pub key: Key,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// What Slurm has after them; `None`: nothing.
    pub target: Option<Body>,
    /// The differences that this mends.
    pub lines: Vec<Line>,
}

/// The steps that mend these lines, at `now` in seconds since the epoch.
pub fn steps(lines: &[Line], wanted: &Wanted, actual: &Actual, now: i64) -> Vec<Step> {
    let mut by_object: BTreeMap<Key, Vec<Line>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.can_apply) {
        by_object.entry(line.key()).or_default().push(line.clone());
    }
    let mut steps: Vec<Step> = by_object
        .into_iter()
        .map(|(key, lines)| {
            let found = actual.objects.get(&key);
            let target = target(wanted.objects.get(&key), found, &lines);
            let calls = calls(wanted, &key, target.as_ref(), found, now);
            Step { key, calls, target, lines }
        })
        .collect();
    steps.sort_by_cached_key(|step| rank(step, wanted, actual));
    steps
}

/// What the object becomes: as it is, but for the fields that are to be mended.
fn target(wanted: Option<&Body>, found: Option<&Body>, lines: &[Line]) -> Option<Body> {
    let (wanted, mut target) = match (wanted, found) {
        (Some(wanted), Some(found)) => (wanted, found.clone()),
        (wanted, _) => return wanted.cloned(),
    };
    for line in lines {
        target.take(&line.field, wanted);
    }
    Some(target)
}

fn calls(
    wanted: &Wanted,
    key: &Key,
    target: Option<&Body>,
    found: Option<&Body>,
    now: i64,
) -> Vec<Call> {
    match (target, found) {
        (Some(Body::Account(account)), found) => {
            let mut calls = Vec::new();
            let there = match found {
                Some(Body::Account(found)) => Some(found),
                _ => None,
            };
            if there.is_none_or(|there| there.parent != account.parent) {
                let description = wanted.descriptions.get(&key.name).cloned().unwrap_or_default();
                let (name, parent) = (key.name.clone(), account.parent.clone());
                calls.push(Call::PutAccount(NewAccount { name, parent, description }));
            }
            if account.limits != there.map_or_else(Limits::default, |there| there.limits.clone()) {
                let (account, limits) = (key.name.clone(), account.limits.clone());
                calls.push(Call::PutAccountLimits(AccountLimits { account, limits }));
            }
            calls
        }
        (Some(Body::Qos(row)), _) => vec![Call::PutQos(row.clone())],
        (Some(Body::User(user)), _) => vec![Call::PutUser(association(user))],
        (Some(Body::Reservation(body)), _) => {
            vec![Call::PutReservation(new_reservation(&key.name, body, now))]
        }
        (None, Some(Body::User(user))) => {
            let (account, user) = (user.account.clone(), user.user.clone());
            vec![Call::RemoveUser { account, user }]
        }
        (None, Some(Body::Reservation(_))) => {
            vec![Call::RemoveReservation { name: key.name.clone() }]
        }
        // No call removes an account or a QOS, and no line asks for one.
        (None, Some(Body::Account(_) | Body::Qos(_)) | None) => Vec::new(),
    }
}

/// The default QOS comes first.
fn association(user: &User) -> UserAssociation {
    let default = user.default_qos.iter();
    let others = user.qos.iter().filter(|qos| Some(*qos) != user.default_qos.as_ref());
    UserAssociation {
        account: user.account.clone(),
        user: user.user.clone(),
        qos: default.chain(others).cloned().collect(),
    }
}

fn new_reservation(name: &str, body: &Reservation, now: i64) -> NewReservation {
    NewReservation {
        name: name.to_owned(),
        nodes: body.nodes.clone(),
        accounts: body.accounts.clone(),
        partition: body.partition.clone(),
        starts_at: body.starts_at.unwrap_or(now),
        ends_at: body.ends_at,
    }
}

/// Where a step comes in line, within its kind: parents before children, QOS that give way before
/// those that preempt them (Slurm refuses a ring of QOS), and what goes before what comes.
fn rank(step: &Step, wanted: &Wanted, actual: &Actual) -> (Kind, bool, String) {
    let late = match (&step.target, actual.objects.get(&step.key)) {
        (Some(Body::Account(account)), _) => account.parent != wanted.root,
        (Some(Body::Qos(row)), Some(Body::Qos(found))) => !row.preempts.is_subset(&found.preempts),
        (Some(Body::Qos(row)), _) => !row.preempts.is_empty(),
        (target, _) => target.is_some(),
    };
    (step.key.kind, late, step.key.name.clone())
}

/// True if a budget or a limit on use at once is higher after the step: jobs may wait for that.
pub fn raises(step: &Step) -> bool {
    step.lines.iter().any(|line| {
        let figure = |value: &Option<String>| value.as_ref().and_then(|it| it.parse::<u64>().ok());
        match line.field {
            Field::Minutes(_) | Field::AtOnce(_) | Field::RunningJobs | Field::SubmittedJobs => {
                figure(&line.actual)
                    .is_some_and(|was| figure(&line.expected).is_none_or(|is| is > was))
            }
            _ => false,
        }
    })
}
