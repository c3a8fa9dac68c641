//! What Slurm keeps for the broker: accounts, associations, QOS and reservations.
//!
//! A row read and a row written have the same shape, so that the broker compares them field by field.
//! TRES are named as Slurm names them: `gres/gpu`, `gres/gpu:h200`, `cpu`, `node`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{AccountRow, AssociationRow};

/// Everything of it at one look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Accounts, with their limits.
    pub accounts: Vec<AccountRow>,
    /// Who may run under them.
    pub associations: Vec<AssociationRow>,
    /// QOS.
    pub qos: Vec<QosRow>,
    /// Reservations.
    pub reservations: Vec<ReservationRow>,
}

/// Limits of an account or a QOS. What is absent is not limited.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// At once, by TRES (GrpTRES).
    #[serde(default)]
    pub at_once: BTreeMap<String, u64>,
    /// Ever, in TRES-minutes (GrpTRESMins).
    #[serde(default)]
    pub minutes: BTreeMap<String, u64>,
    /// Running jobs (GrpJobs).
    #[serde(default)]
    pub running_jobs: Option<u32>,
    /// Jobs waiting or running (GrpSubmitJobs).
    #[serde(default)]
    pub submitted_jobs: Option<u32>,
}

/// An account to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Account name.
    pub name: String,
    /// Its parent: the root of the subtree or an account under it.
    pub parent: String,
    /// One line for people.
    pub description: String,
}

/// Limits to set on an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountLimits {
    /// Account name.
    pub account: String,
    /// The limits of its own association.
    pub limits: Limits,
}

/// A user who runs under an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserAssociation {
    /// Account name.
    pub account: String,
    /// User's name, known to the system the gateway runs on, with a uid within the bounds.
    pub user: String,
    /// The QOS that the user may ask for there; the first is the default.
    pub qos: Vec<String>,
}

/// A QOS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QosRow {
    /// Its name.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Added to the priority of its jobs.
    pub priority: u32,
    /// The QOS whose jobs make way for its jobs.
    pub preempts: BTreeSet<String>,
    /// True: use is counted for ever and does not fade (NoDecay).
    pub no_decay: bool,
    /// True: what is above a limit is refused instead of made to wait (DenyOnLimit).
    pub deny_on_limit: bool,
    /// Its limits.
    pub limits: Limits,
}

/// A reservation as Slurm has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReservationRow {
    /// Its name.
    pub name: String,
    /// Nodes, each by name.
    pub nodes: BTreeSet<String>,
    /// Accounts that may run in it, with all below them.
    pub accounts: BTreeSet<String>,
    /// Partition it is for.
    pub partition: Option<String>,
    /// Seconds since the epoch.
    pub starts_at: i64,
    /// Seconds since the epoch.
    pub ends_at: i64,
}

/// A reservation to make: whole nodes, also where jobs of others still run (they end undisturbed).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewReservation {
    /// Its name.
    pub name: String,
    /// Nodes, each by name.
    pub nodes: BTreeSet<String>,
    /// Accounts of the subtree that may run in it.
    pub accounts: BTreeSet<String>,
    /// Partition it is for.
    pub partition: Option<String>,
    /// Seconds since the epoch; a start in the past means now.
    pub starts_at: i64,
    /// Seconds since the epoch.
    pub ends_at: i64,
}
