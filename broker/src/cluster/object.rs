//! What the broker keeps in Slurm, object by object.
//!
//! An object that is wanted, one that Slurm has and one that is remembered have the same shape, so
//! that they are compared as values.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use slurm_wire::{Limits, QosRow};

/// What kind of thing it is, in the order in which Slurm must have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An account under the broker's root.
    Account,
    /// A QOS with the broker's prefix.
    Qos,
    /// A user under one of those accounts.
    User,
    /// A reservation with the broker's prefix.
    Reservation,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Account, Self::Qos, Self::User, Self::Reservation];

    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Qos => "qos",
            Self::User => "user",
            Self::Reservation => "reservation",
        }
    }
}

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What kind of thing.
    pub kind: Kind,
    /// Its name in Slurm; of a user `ACCOUNT/USER`.
    pub name: String,
}

impl Key {
    /// An account's.
    pub fn account(name: &str) -> Self {
        Self { kind: Kind::Account, name: name.to_owned() }
    }

    /// A QOS's.
    pub fn qos(name: &str) -> Self {
        Self { kind: Kind::Qos, name: name.to_owned() }
    }

    /// A user's under an account.
    pub fn user(account: &str, user: &str) -> Self {
        Self { kind: Kind::User, name: format!("{account}/{user}") }
    }

    /// A reservation's.
    pub fn reservation(name: &str) -> Self {
        Self { kind: Kind::Reservation, name: name.to_owned() }
    }
}

/// An account, without what its jobs have used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its parent.
    pub parent: String,
    /// The limits of its own association.
    pub limits: Limits,
}

/// A user under an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The account.
    pub account: String,
    /// The POSIX user.
    pub user: String,
    /// The QOS that may be asked for there.
    pub qos: BTreeSet<String>,
    /// The one that a job has which asks for none.
    pub default_qos: Option<String>,
}

/// Nodes set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Nodes, each by name.
    pub nodes: BTreeSet<String>,
    /// Accounts that may run in it, with all below them.
    pub accounts: BTreeSet<String>,
    /// Partition it is for.
    pub partition: Option<String>,
    /// Seconds since the epoch; `None` once it has begun.
    pub starts_at: Option<i64>,
    /// Seconds since the epoch.
    pub ends_at: i64,
}

/// Everything the broker says of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Of an account.
    Account(Account),
    /// Of a QOS.
    Qos(QosRow),
    /// Of a user.
    User(User),
    /// Of a reservation.
    Reservation(Reservation),
}
