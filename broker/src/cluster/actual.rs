//! What Slurm has, in the shape in which it is compared.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use slurm_wire::Policy;

use super::object::{Account, Body, Key, Reservation, User};

/// What Slurm has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actual {
    /// Every object.
    pub objects: BTreeMap<Key, Body>,
    /// Users whose association holds for one partition only: account, user and partition. The
    /// broker makes none.
    pub partition_only: BTreeSet<(String, String, String)>,
}

impl Actual {
    /// Takes what the gateway read, as it is at `now`.
    pub fn from_policy(policy: Policy, now: DateTime<Utc>) -> Self {
        let mut actual = Self::default();
        for row in policy.accounts {
            let parent = row.parent.unwrap_or_default();
            let body = Body::Account(Account { parent, limits: row.limits });
            actual.objects.insert(Key::account(&row.name), body);
        }
        for row in policy.associations {
            let Some(user) = row.user else { continue };
            if let Some(partition) = row.partition.filter(|partition| !partition.is_empty()) {
                actual.partition_only.insert((row.account, user, partition));
                continue;
            }
            let key = Key::user(&row.account, &user);
            let (account, qos, default_qos) = (row.account, row.qos, row.default_qos);
            actual.objects.insert(key, Body::User(User { account, user, qos, default_qos }));
        }
        for row in policy.qos {
            actual.objects.insert(Key::qos(&row.name), Body::Qos(row));
        }
        for row in policy.reservations {
            let body = Body::Reservation(Reservation {
                nodes: row.nodes,
                accounts: row.accounts,
                partition: row.partition,
                starts_at: (row.starts_at > now.timestamp()).then_some(row.starts_at),
                ends_at: row.ends_at,
            });
            actual.objects.insert(Key::reservation(&row.name), body);
        }
        actual
    }
}
