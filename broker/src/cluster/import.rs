//! What the broker would make of an existing Slurm: a report, read-only.
//!
//! Whoever takes a cluster into the broker's care begins here: which accounts would become funds or
//! projects, which limits grants and limits on use at once, and what stays as it is. Nothing is
//! written anywhere; the operator lays out what is right with the broker's own commands.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use slurm_wire::{AccountRow, Limits, Policy, QosRow};

use super::name::{FUND_PREFIX, PREFIX};

/// What the broker would make of one account or QOS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// `account` or `qos`.
    pub object: &'static str,
    /// Its name in Slurm.
    pub name: String,
    /// Its parent, of an account.
    pub parent: Option<String>,
    /// Users who may run under it.
    pub users: Vec<String>,
    /// Its limits, as they stand.
    pub limits: Limits,
    /// What it would be in the broker.
    pub becomes: Becomes,
    /// What to do, a sentence each.
    pub advice: Vec<String>,
}

/// What something in Slurm would be in the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Becomes {
    /// The broker keeps it already.
    KeptAlready,
    /// A fund: others lie under it and nobody runs under it directly.
    Fund,
    /// A project: people run under it.
    Project,
    /// Nothing: it stays as it is.
    Nothing,
}

/// Every account and QOS of the cluster with what the broker would make of it.
pub fn report(policy: &Policy, account_root: &str, research_qos: &[String]) -> Vec<Found> {
    let mut users: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in &policy.associations {
        if let Some(user) = &row.user {
            users.entry(&row.account).or_default().insert(user);
        }
    }
    let mut parents: BTreeMap<&str, &str> = BTreeMap::new();
    for row in &policy.accounts {
        parents.insert(&row.name, row.parent.as_deref().unwrap_or_default());
    }
    let with_children: BTreeSet<&str> = parents.values().copied().collect();
    let mut found: Vec<Found> = policy
        .accounts
        .iter()
        .filter(|row| row.name != "root")
        .map(|row| {
            let users = users.get(row.name.as_str()).cloned().unwrap_or_default();
            let becomes = if lies_under(&row.name, account_root, &parents) {
                Becomes::KeptAlready
            } else if !users.is_empty() {
                Becomes::Project
            } else if with_children.contains(row.name.as_str()) {
                Becomes::Fund
            } else {
                Becomes::Nothing
            };
            account(row, &users, becomes)
        })
        .collect();
    found.extend(policy.qos.iter().map(|row| qos(row, research_qos)));
    found
}

fn lies_under(account: &str, root: &str, parents: &BTreeMap<&str, &str>) -> bool {
    let mut at = account;
    // A ring in somebody's data must not become a loop in ours.
    for _ in 0..=parents.len() {
        if at == root {
            return true;
        }
        match parents.get(at) {
            Some(parent) => at = parent,
            None => return false,
        }
    }
    false
}

fn account(row: &AccountRow, users: &BTreeSet<&str>, becomes: Becomes) -> Found {
    let mut advice = match becomes {
        Becomes::KeptAlready => {
            vec!["It lies under the broker's root; see `mimer cluster diff`.".to_owned()]
        }
        Becomes::Fund => vec![format!(
            "Create a fund for it; its account will be {FUND_PREFIX}… under the broker's root."
        )],
        Becomes::Project => vec![
            format!(
                "Create a project with the short name {} and another Slurm account than {}: one \
                 that is there already keeps its place and its use.",
                row.name.replace('_', "-"),
                row.name
            ),
            format!("Add its {} to the project as members.", people(users.len())),
        ],
        Becomes::Nothing => {
            vec!["Nobody runs under it and nothing lies below it: leave it.".to_owned()]
        }
    };
    if matches!(becomes, Becomes::Fund | Becomes::Project) {
        advice.extend(about_limits(&row.limits));
    }
    Found {
        object: "account",
        name: row.name.clone(),
        parent: row.parent.clone(),
        users: users.iter().map(|user| (*user).to_owned()).collect(),
        limits: row.limits.clone(),
        becomes,
        advice,
    }
}

fn people(count: usize) -> String {
    if count == 1 { "1 user".to_owned() } else { format!("{count} users") }
}

/// What the limits would be in the broker; those it has no word for are named.
fn about_limits(limits: &Limits) -> Vec<String> {
    let mut advice = Vec::new();
    for (tres, minutes) in &limits.minutes {
        advice.push(if tres.starts_with("gres/gpu") {
            format!(
                "{tres}: {minutes} minutes ever; grant what is left of {} GPU-hours.",
                minutes / 60
            )
        } else {
            format!("{tres}: {minutes} minutes ever; the broker grants GPU time only.")
        });
    }
    for (tres, most) in &limits.at_once {
        advice.push(if tres.starts_with("gres/gpu") {
            format!("{tres}: {most} at once; set a limit on use at once, or cap the pool.")
        } else {
            format!("{tres}: {most} at once; the broker limits GPUs and jobs only.")
        });
    }
    if let Some(most) = limits.submitted_jobs {
        advice.push(format!("{most} jobs waiting or running; set a limit on jobs at once."));
    }
    if let Some(most) = limits.running_jobs {
        advice
            .push(format!("{most} jobs running; the broker counts waiting and running together."));
    }
    advice
}

fn qos(row: &QosRow, research_qos: &[String]) -> Found {
    let (becomes, sentence) = if row.name.starts_with(PREFIX) {
        (Becomes::KeptAlready, "Its prefix is the broker's; see `mimer cluster diff`.")
    } else if research_qos.contains(&row.name) {
        (
            Becomes::Nothing,
            "Research: its jobs make way where a share is guaranteed or in a crisis.",
        )
    } else {
        (
            Becomes::Nothing,
            "It stays; name it in clusters.research_qos if its jobs may be made to give way.",
        )
    };
    Found {
        object: "qos",
        name: row.name.clone(),
        parent: None,
        users: Vec::new(),
        limits: row.limits.clone(),
        becomes,
        advice: vec![sentence.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use slurm_wire::AssociationRow;

    use super::*;

    fn account_row(name: &str, parent: &str) -> AccountRow {
        let limits = Limits {
            minutes: [("gres/gpu".to_owned(), 6_000), ("cpu".to_owned(), 60)].into(),
            ..Limits::default()
        };
        AccountRow { name: name.to_owned(), parent: Some(parent.to_owned()), limits }
    }

    fn user(account: &str, user: &str) -> AssociationRow {
        AssociationRow {
            cluster: "mimer".to_owned(),
            account: account.to_owned(),
            user: Some(user.to_owned()),
            partition: None,
            qos: BTreeSet::new(),
            default_qos: None,
        }
    }

    #[test]
    fn an_existing_cluster_is_told_account_by_account() {
        let policy = Policy {
            accounts: vec![
                account_row("root", ""),
                account_row("science", "root"),
                account_row("physics_lab", "science"),
                account_row("empty", "root"),
                account_row("public", "root"),
                account_row("public_stroke", "public"),
            ],
            associations: vec![user("physics_lab", "ada"), user("physics_lab", "bo")],
            ..Policy::default()
        };
        let found = report(&policy, "public", &[]);
        let becomes: Vec<(&str, Becomes)> =
            found.iter().map(|found| (found.name.as_str(), found.becomes)).collect();
        assert_eq!(
            becomes,
            [
                ("science", Becomes::Fund),
                ("physics_lab", Becomes::Project),
                ("empty", Becomes::Nothing),
                ("public", Becomes::KeptAlready),
                ("public_stroke", Becomes::KeptAlready),
            ]
        );
        let advice = found[1].advice.join(" ");
        for said in ["physics-lab", "2 users", "100 GPU-hours", "cpu: 60 minutes"] {
            assert!(advice.contains(said), "{said}: {advice}");
        }
    }

    #[test]
    fn a_ring_of_accounts_ends() {
        let accounts = vec![account_row("a", "b"), account_row("b", "a")];
        let policy = Policy { accounts, ..Policy::default() };
        assert_eq!(report(&policy, "public", &[]).len(), 2);
    }
}
