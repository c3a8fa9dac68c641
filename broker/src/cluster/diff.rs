//! What should be against what is, with the memory of what was set. Pure.
//!
//! A field that differs is *pending* if Slurm still has what the broker left there or was about to
//! set, and *drift* if somebody else changed it. Only objects that are the broker's are compared;
//! others under its root or with its prefix are shown and left.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::actual::Actual;
use super::field::{Field, fields};
use super::line::{Cause, Line, Values};
use super::object::{Body, Key, Kind};
use super::wanted::Wanted;

/// What is remembered of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What Slurm was last known to have because the broker set it.
    pub applied: Option<Body>,
    /// What the broker was about to set when it last spoke to Slurm about it.
    pub intended: Option<Body>,
}

/// What is remembered of every object.
pub type Memory = BTreeMap<Key, Known>;

/// Every difference, ordered by object and field.
pub fn diff(wanted: &Wanted, actual: &Actual, memory: &Memory) -> Vec<Line> {
    let mut lines = Vec::new();
    let root = Key::account(&wanted.root);
    if !actual.objects.contains_key(&root) {
        let sentence = format!(
            "Make it: `sacctmgr add account {}`; nothing can be kept under it before.",
            wanted.root
        );
        lines.push(Line::prerequisite(&root, sentence));
    }
    for (key, body) in &wanted.objects {
        let found = actual.objects.get(key);
        if found != Some(body) {
            compare(&mut lines, key, Some(body), found, memory.get(key));
        }
    }
    for (key, found) in &actual.objects {
        if *key != root && !wanted.objects.contains_key(key) {
            extra(&mut lines, wanted, key, found, memory.get(key));
        }
    }
    for (account, user, partition) in &actual.partition_only {
        let sentence = "The broker makes no association for one partition only: remove it with \
            `sacctmgr`, or leave it."
            .to_owned();
        let key = Key::user(account, user);
        lines.push(Line::unexpected(&key, Field::Partition, partition.clone(), sentence));
    }
    for account in &wanted.clashes {
        let sentence = "Two projects or funds would have this account, and Slurm keeps one of \
            them: give the other project another Slurm account."
            .to_owned();
        let key = Key::account(account);
        lines.push(Line::unexpected(&key, Field::Name, account.clone(), sentence));
    }
    lines.sort_by(|a, b| (a.object, &a.name, &a.field).cmp(&(b.object, &b.name, &b.field)));
    lines
}

/// Tells what differs in one object.
fn compare(
    lines: &mut Vec<Line>,
    key: &Key,
    expected: Option<&Body>,
    found: Option<&Body>,
    known: Option<&Known>,
) {
    let (mut should, mut is) = (fields(expected), fields(found));
    let applied = fields(known.and_then(|known| known.applied.as_ref()));
    let intended = known.and_then(|known| known.intended.as_ref());
    let intended = intended.map(|body| fields(Some(body)));
    if should.contains_key(&Field::Existence) != is.contains_key(&Field::Existence) {
        // An object that is not there, or must not be, differs in that alone.
        should.retain(|field, _| *field == Field::Existence);
        is.retain(|field, _| *field == Field::Existence);
    }
    let mut names: Vec<&Field> = should.keys().chain(is.keys()).collect();
    names.sort();
    names.dedup();
    for field in names {
        let (expected, actual) = (should.get(field), is.get(field));
        if expected == actual {
            continue;
        }
        let ours = actual == applied.get(field)
            || intended.as_ref().is_some_and(|intended| actual == intended.get(field));
        let cause = if ours { Cause::Pending } else { Cause::ByHand };
        let values = Values { expected: expected.cloned(), actual: actual.cloned() };
        lines.push(Line::of_field(key, field.clone(), values, cause));
    }
}

/// Tells of an object that is not wanted.
fn extra(lines: &mut Vec<Line>, wanted: &Wanted, key: &Key, found: &Body, known: Option<&Known>) {
    let sentence = match (key.kind, found) {
        // Who is no member must not run: the broker takes that back, also from other hands.
        (Kind::User, Body::User(user)) if wanted.keeps(&user.account) => {
            return compare(lines, key, None, Some(found), known);
        }
        // The prefix is the broker's alone, and nodes that nobody may use cost money.
        (Kind::Reservation, _) => return compare(lines, key, None, Some(found), known),
        (Kind::User, _) => {
            "Not the broker's: someone may run under an account that it does not \
            keep. Remove the user with `sacctmgr`, or leave it."
        }
        (Kind::Account, _) => {
            "Not the broker's: no project or fund has this account. Remove it \
            with `sacctmgr`, or leave it."
        }
        (Kind::Qos, _) => {
            "Not the broker's, though its prefix is. Remove it with `sacctmgr`, or \
            leave it."
        }
    };
    let there = "there".to_owned();
    lines.push(Line::unexpected(key, Field::Existence, there, sentence.to_owned()));
}

impl Wanted {
    /// True if the broker keeps the account.
    fn keeps(&self, account: &str) -> bool {
        self.objects.contains_key(&Key::account(account))
    }
}
