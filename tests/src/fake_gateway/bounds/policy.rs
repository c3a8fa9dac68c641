//! What the fake refuses of accounts, users, QOS and reservations.

use std::collections::BTreeSet;

use slurm_wire::{Limits, NewReservation, QosRow, Refusal, RefusalCode};

use super::{FakeBounds, refusal};

/// Longest name of an account, a QOS or a reservation.
const LONGEST_NAME_BYTES: usize = 100;

/// Longest line for people.
const LONGEST_DESCRIPTION_BYTES: usize = 200;

impl FakeBounds {
    /// The uid of a project user, by name: `mimer-pN` has 61000 + N, as on the real testbed.
    pub(crate) fn uid_of(&self, user: &str) -> Result<u32, Refusal> {
        let number = user.strip_prefix("mimer-p").and_then(|number| number.parse::<u32>().ok());
        number.map(|number| 61_000 + number).filter(|uid| self.uids.contains(uid)).ok_or_else(
            || {
                let sentence = format!("{user:?} is no user of this machine within the bounds");
                refusal(RefusalCode::ForeignUser, &sentence)
            },
        )
    }

    /// Refuses a QOS that is not the broker's, or reaches further than the bounds let it.
    pub(crate) fn check_qos(&self, qos: &QosRow) -> Result<(), Refusal> {
        if !qos.name.starts_with(&self.qos_prefix) {
            let sentence = format!("QOS of the broker's begin with {:?}", self.qos_prefix);
            return Err(refusal(RefusalCode::ForeignQos, &sentence));
        }
        check_name(&qos.name)?;
        check_description(&qos.description)?;
        let may = |victim: &&String| {
            victim.starts_with(&self.qos_prefix) || self.may_preempt.contains(victim)
        };
        if let Some(victim) = qos.preempts.iter().find(|victim| !may(victim)) {
            let sentence = format!("{victim:?} does not make way for the broker's jobs");
            return Err(refusal(RefusalCode::ForeignVictim, &sentence));
        }
        if qos.preempts.contains(&qos.name) {
            return Err(bad_policy("a QOS does not make way for itself"));
        }
        if qos.priority > self.max_priority {
            let sentence = format!("priority {} is above {}", qos.priority, self.max_priority);
            return Err(refusal(RefusalCode::PriorityTooHigh, &sentence));
        }
        check_limits(&qos.limits)
    }

    /// Refuses a reservation by name, partition, nodes or times. `nodes` are all there are, and
    /// `others` those that the broker's other reservations have.
    pub(crate) fn check_reservation(
        &self,
        new: &NewReservation,
        nodes: &[String],
        others: BTreeSet<&String>,
    ) -> Result<(), Refusal> {
        self.check_reservation_name(&new.name)?;
        if new.partition.as_ref().is_some_and(|name| !self.partitions.contains(name)) {
            let sentence = "a reservation is for one of the broker's partitions";
            return Err(refusal(RefusalCode::ForeignPartition, sentence));
        }
        let foreign = new.nodes.iter().find(|node| !nodes.contains(node));
        if let Some(node) = foreign {
            let sentence = format!("{node:?} may not be set aside");
            return Err(refusal(RefusalCode::ForeignNode, &sentence));
        }
        if others.union(&new.nodes.iter().collect()).count() > self.max_set_aside_nodes {
            let sentence = format!("at most {} nodes are set aside", self.max_set_aside_nodes);
            return Err(refusal(RefusalCode::ForeignNode, &sentence));
        }
        if new.nodes.is_empty() || new.accounts.is_empty() {
            return Err(bad_policy("a reservation names its nodes and its accounts"));
        }
        if new.ends_at <= new.starts_at {
            return Err(bad_policy("a reservation ends after it starts"));
        }
        Ok(())
    }

    /// Refuses the name of a reservation that is not the broker's.
    pub(crate) fn check_reservation_name(&self, name: &str) -> Result<(), Refusal> {
        if !name.starts_with(&self.reservation_prefix) {
            let sentence = format!("reservations begin with {:?}", self.reservation_prefix);
            return Err(refusal(RefusalCode::ForeignReservation, &sentence));
        }
        check_name(name)
    }
}

/// Refuses limits that name no TRES.
pub(crate) fn check_limits(limits: &Limits) -> Result<(), Refusal> {
    let known = |name: &&String| {
        ["cpu", "mem", "node", "billing", "gres/gpu"].contains(&name.as_str())
            || name.strip_prefix("gres/gpu:").is_some_and(|kind| !kind.is_empty())
    };
    let mut names = limits.at_once.keys().chain(limits.minutes.keys());
    match names.find(|name| !known(name)) {
        Some(name) => Err(bad_policy(&format!("{name:?} is no TRES of this cluster"))),
        None => Ok(()),
    }
}

pub(crate) fn bad_policy(sentence: &str) -> Refusal {
    refusal(RefusalCode::BadPolicy, sentence)
}

/// Refuses a name that Slurm would fold, split or read as a list.
pub(crate) fn check_name(name: &str) -> Result<(), Refusal> {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = |byte: u8| first(byte) || b"_-.".contains(&byte);
    let begins_well = name.bytes().next().is_some_and(first);
    if begins_well && name.len() <= LONGEST_NAME_BYTES && name.bytes().all(inner) {
        return Ok(());
    }
    Err(bad_policy(&format!(
        "{name:?} is not 1 to {LONGEST_NAME_BYTES} small letters, digits, '_', '-' and '.'"
    )))
}

/// Refuses a description that slurmdbd would not take or not give back.
pub(crate) fn check_description(text: &str) -> Result<(), Refusal> {
    let calm = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && !b"'\"\\`%".contains(&byte);
    let is_line = !text.is_empty() && text.trim() == text;
    if is_line && text.len() <= LONGEST_DESCRIPTION_BYTES && text.bytes().all(calm) {
        return Ok(());
    }
    Err(bad_policy(&format!("{text:?} is not one line of plain ASCII without quotes")))
}
