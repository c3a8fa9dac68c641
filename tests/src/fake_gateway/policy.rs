//! What the simulated slurmdbd keeps: accounts, associations, QOS and reservations, in memory.

use std::collections::{BTreeMap, BTreeSet};

use slurm_wire::{
    AccountLimits, AccountRow, AssociationRow, NewAccount, NewReservation, Policy, QosRow, Refusal,
    RefusalCode, ReservationRow, UserAssociation,
};

use super::bounds::{FakeBounds, bad_policy, check_description, check_limits, check_name, refusal};

/// Slurm's own QOS, which every cluster has.
pub(crate) const NORMAL: &str = "normal";

/// All of it, the broker's and others'.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub(crate) accounts: BTreeMap<String, AccountRow>,
    pub(crate) associations: BTreeMap<(String, Option<String>), AssociationRow>,
    pub(crate) qos: BTreeMap<String, QosRow>,
    pub(crate) reservations: BTreeMap<String, ReservationRow>,
}

impl Kept {
    /// A cluster with its root accounts and the QOS `normal`, and nobody in it.
    pub(crate) fn new(cluster: &str, bounds: &FakeBounds) -> Self {
        let mut kept = Self::default();
        kept.add_account(cluster, "root", None);
        kept.add_account(cluster, &bounds.account_root, Some("root"));
        kept.add_account(cluster, "research", Some("root"));
        let normal = QosRow {
            name: NORMAL.into(),
            description: "Normal QOS default".into(),
            priority: 0,
            preempts: BTreeSet::new(),
            no_decay: false,
            deny_on_limit: false,
            limits: slurm_wire::Limits::default(),
        };
        kept.qos.insert(NORMAL.into(), normal);
        kept
    }

    /// Adds an account with its own association, as slurmdbd does.
    pub(crate) fn add_account(&mut self, cluster: &str, name: &str, parent: Option<&str>) {
        let row = AccountRow {
            name: name.into(),
            parent: parent.map(Into::into),
            limits: slurm_wire::Limits::default(),
        };
        self.accounts.insert(name.into(), row);
        self.add_association(cluster, name, None, &[]);
    }

    /// Adds or replaces an association.
    pub(crate) fn add_association(
        &mut self,
        cluster: &str,
        account: &str,
        user: Option<&str>,
        qos: &[String],
    ) {
        let row = AssociationRow {
            cluster: cluster.into(),
            account: account.into(),
            user: user.map(Into::into),
            partition: None,
            qos: qos.iter().cloned().collect(),
            default_qos: qos.first().cloned(),
        };
        self.associations.insert((account.into(), user.map(Into::into)), row);
    }

    /// True if `account` is `root` or lies under it.
    pub(crate) fn is_under(&self, root: &str, account: &str) -> bool {
        self.line(account).any(|name| name == root)
    }

    /// The account, its parent, and so on up to Slurm's root.
    pub(crate) fn line<'a>(&'a self, account: &str) -> impl Iterator<Item = &'a str> {
        let first = self.accounts.get(account);
        // A loop that a test made by hand must not become one here.
        std::iter::successors(first, |row| self.accounts.get(row.parent.as_deref()?))
            .take(self.accounts.len())
            .map(|row| row.name.as_str())
    }

    /// The whole cluster.
    pub(crate) fn whole(&self) -> Policy {
        Policy {
            accounts: self.accounts.values().cloned().collect(),
            associations: self.associations.values().cloned().collect(),
            qos: self.qos.values().cloned().collect(),
            reservations: self.reservations.values().cloned().collect(),
        }
    }

    /// What is the broker's to change.
    pub(crate) fn ours(&self, bounds: &FakeBounds) -> Policy {
        let Policy { mut accounts, mut associations, mut qos, mut reservations } = self.whole();
        let inside = |account: &str| self.is_under(&bounds.account_root, account);
        accounts.retain(|row| inside(&row.name));
        associations.retain(|row| inside(&row.account));
        qos.retain(|row| row.name.starts_with(&bounds.qos_prefix));
        reservations.retain(|row| row.name.starts_with(&bounds.reservation_prefix));
        Policy { accounts, associations, qos, reservations }
    }

    /// Takes over a whole cluster as somebody else left it.
    pub(crate) fn replace(&mut self, policy: Policy) {
        let Policy { accounts, associations, qos, reservations } = policy;
        let key = |row: &AssociationRow| (row.account.clone(), row.user.clone());
        self.accounts = accounts.into_iter().map(|row| (row.name.clone(), row)).collect();
        self.associations = associations.into_iter().map(|row| (key(&row), row)).collect();
        self.qos = qos.into_iter().map(|row| (row.name.clone(), row)).collect();
        self.reservations = reservations.into_iter().map(|row| (row.name.clone(), row)).collect();
    }

    pub(crate) fn put_account(
        &mut self,
        cluster: &str,
        bounds: &FakeBounds,
        new: &NewAccount,
    ) -> Result<(), Refusal> {
        check_name(&new.name)?;
        check_description(&new.description)?;
        self.check_account(bounds, &new.parent)?;
        if self.is_under(&new.name, &new.parent) {
            return Err(bad_policy("an account does not lie under itself"));
        }
        if self.accounts.contains_key(&new.name) {
            // One of the subtree moves to where it is wanted.
            self.check_below_root(bounds, &new.name)?;
            if let Some(row) = self.accounts.get_mut(&new.name) {
                row.parent = Some(new.parent.clone());
            }
            return Ok(());
        }
        self.add_account(cluster, &new.name, Some(&new.parent));
        Ok(())
    }

    pub(crate) fn put_account_limits(
        &mut self,
        bounds: &FakeBounds,
        new: AccountLimits,
    ) -> Result<(), Refusal> {
        self.check_below_root(bounds, &new.account)?;
        check_limits(&new.limits)?;
        if let Some(row) = self.accounts.get_mut(&new.account) {
            row.limits = new.limits;
        }
        Ok(())
    }

    pub(crate) fn put_user(
        &mut self,
        cluster: &str,
        bounds: &FakeBounds,
        new: &UserAssociation,
    ) -> Result<(), Refusal> {
        self.check_below_root(bounds, &new.account)?;
        bounds.uid_of(&new.user)?;
        if let Some(foreign) = new.qos.iter().find(|qos| !bounds.may_ask_for(qos)) {
            let sentence = format!("the QOS {foreign:?} is not the broker's");
            return Err(refusal(RefusalCode::ForeignQos, &sentence));
        }
        let different: BTreeSet<&String> = new.qos.iter().collect();
        if new.qos.is_empty() || different.len() < new.qos.len() {
            return Err(bad_policy("a user association names one QOS at least and each once"));
        }
        self.check_known(new.qos.iter())?;
        self.add_association(cluster, &new.account, Some(&new.user), &new.qos);
        Ok(())
    }

    pub(crate) fn remove_user(
        &mut self,
        bounds: &FakeBounds,
        account: &str,
        user: &str,
    ) -> Result<(), Refusal> {
        self.check_below_root(bounds, account)?;
        self.associations.remove(&(account.to_owned(), Some(user.to_owned())));
        Ok(())
    }

    pub(crate) fn put_qos(&mut self, bounds: &FakeBounds, qos: QosRow) -> Result<(), Refusal> {
        bounds.check_qos(&qos)?;
        self.check_known(qos.preempts.iter())?;
        self.qos.insert(qos.name.clone(), qos);
        Ok(())
    }

    pub(crate) fn put_reservation(
        &mut self,
        bounds: &FakeBounds,
        new: NewReservation,
        nodes: &[String],
        now: i64,
    ) -> Result<(), Refusal> {
        let ours = |row: &&ReservationRow| {
            row.name.starts_with(&bounds.reservation_prefix) && row.name != new.name
        };
        let others = self.reservations.values().filter(ours).flat_map(|row| &row.nodes).collect();
        bounds.check_reservation(&new, nodes, others)?;
        new.accounts.iter().try_for_each(|account| self.check_account(bounds, account))?;
        if new.ends_at <= now {
            return Err(bad_policy("a reservation ends in the future"));
        }
        // A start in the past means now, or when the one that is there began.
        let began = self.reservations.get(&new.name).map_or(now, |row| row.starts_at.min(now));
        let row = ReservationRow {
            name: new.name,
            nodes: new.nodes,
            accounts: new.accounts,
            partition: new.partition,
            starts_at: new.starts_at.max(began),
            ends_at: new.ends_at,
        };
        self.reservations.insert(row.name.clone(), row);
        Ok(())
    }

    /// Refuses an account that is not the broker's.
    pub(crate) fn check_account(&self, bounds: &FakeBounds, account: &str) -> Result<(), Refusal> {
        if self.is_under(&bounds.account_root, account) {
            return Ok(());
        }
        let sentence = format!("the account {account:?} does not lie under the broker's root");
        Err(refusal(RefusalCode::ForeignAccount, &sentence))
    }

    /// The root itself is the site's.
    fn check_below_root(&self, bounds: &FakeBounds, account: &str) -> Result<(), Refusal> {
        self.check_account(bounds, account)?;
        if account != bounds.account_root {
            return Ok(());
        }
        let sentence = format!("{account:?} is the root of the broker's accounts, and the site's");
        Err(refusal(RefusalCode::ForeignAccount, &sentence))
    }

    fn check_known<'a>(&self, mut names: impl Iterator<Item = &'a String>) -> Result<(), Refusal> {
        match names.find(|name| !self.qos.contains_key(*name)) {
            Some(name) => {
                let sentence = format!("Slurm has no QOS {name:?} yet");
                Err(refusal(RefusalCode::NotKnownToSlurmYet, &sentence))
            }
            None => Ok(()),
        }
    }
}
