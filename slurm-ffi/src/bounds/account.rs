//! The broker's account subtree, walked from Slurm's associations.

use std::collections::{BTreeMap, BTreeSet};

use slurm_wire::{AccountRow, AssociationRow, Refusal, RefusalCode};

use super::refusal;
use crate::association::Association;

/// The accounts from the broker's root downwards, and the associations in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountTree {
    accounts: BTreeMap<String, AccountRow>,
    associations: Vec<AssociationRow>,
    /// Accounts outside of it.
    elsewhere: BTreeSet<String>,
}

impl AccountTree {
    /// Keeps of all the cluster's associations what lies under `root`, itself included.
    pub fn under(root: &str, all: Vec<Association>) -> Self {
        let mut children: BTreeMap<&str, Vec<&Association>> = BTreeMap::new();
        for own in all.iter().filter(|association| association.user.is_none()) {
            children.entry(own.parent.as_deref().unwrap_or_default()).or_default().push(own);
        }
        let root_row = all.iter().find(|it| it.user.is_none() && it.account == root);
        let mut accounts = BTreeMap::new();
        let mut waiting: Vec<&Association> = root_row.into_iter().collect();
        while let Some(own) = waiting.pop() {
            if accounts.insert(own.account.clone(), own.account_row()).is_none() {
                // A loop in somebody's data must not become a loop in ours.
                waiting.extend(children.get(own.account.as_str()).into_iter().flatten());
            }
        }
        let (inside, outside): (Vec<_>, Vec<_>) =
            all.iter().partition(|association| accounts.contains_key(&association.account));
        let elsewhere = outside.iter().map(|association| association.account.clone()).collect();
        let associations = inside.into_iter().map(Association::row).collect();
        Self { accounts, associations, elsewhere }
    }

    /// True if `account` is the root or lies under it.
    pub fn contains(&self, account: &str) -> bool {
        self.accounts.contains_key(account)
    }

    /// Refuses an account that is not inside, by name.
    pub fn check(&self, root: &str, account: &str) -> Result<(), Refusal> {
        if self.contains(account) {
            return Ok(());
        }
        Err(refusal(
            RefusalCode::ForeignAccount,
            format!("the Slurm account {account:?} does not lie under {root:?}"),
        ))
    }

    /// True if an account of that name exists outside.
    pub fn is_elsewhere(&self, account: &str) -> bool {
        self.elsewhere.contains(account)
    }

    /// The parent of an account inside.
    pub fn parent_of(&self, account: &str) -> Option<&str> {
        self.accounts.get(account)?.parent.as_deref()
    }

    /// True if `account` is `ancestor` or lies under it.
    pub fn is_below(&self, account: &str, ancestor: &str) -> bool {
        let parents = std::iter::successors(Some(account), |name| self.parent_of(name));
        // A loop in somebody's data ends here too.
        parents.take(self.accounts.len() + 2).any(|name| name == ancestor)
    }

    /// The accounts, by name.
    pub fn accounts(&self) -> Vec<AccountRow> {
        self.accounts.values().cloned().collect()
    }

    /// The names of the accounts.
    pub fn names(&self) -> Vec<String> {
        self.accounts.keys().cloned().collect()
    }

    /// The associations in those accounts.
    pub fn associations(&self) -> &[AssociationRow] {
        &self.associations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, parent: Option<&str>) -> Association {
        Association {
            cluster: "mimer".to_owned(),
            account: name.to_owned(),
            parent: parent.map(ToOwned::to_owned),
            ..Association::default()
        }
    }

    fn user(name: &str, account_name: &str) -> Association {
        Association { user: Some(name.to_owned()), ..account(account_name, None) }
    }

    fn site() -> AccountTree {
        let all = vec![
            account("root", None),
            account("public", Some("root")),
            account("health", Some("public")),
            account("register", Some("health")),
            account("research", Some("root")),
            user("p-0001", "register"),
            user("p-0002", "research"),
            user("root", "root"),
        ];
        AccountTree::under("public", all)
    }

    #[test]
    fn the_subtree_reaches_as_deep_as_the_accounts_do() {
        let names: Vec<String> = site().accounts().into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["health", "public", "register"]);
    }

    #[test]
    fn a_foreign_account_is_refused_by_name() {
        for name in ["research", "root", "", "Public", "public,research"] {
            let refused = site().check("public", name).unwrap_err();
            assert_eq!(refused.code, RefusalCode::ForeignAccount, "{name}");
        }
    }

    #[test]
    fn a_user_under_a_foreign_account_is_not_shown() {
        let users: Vec<_> = site().associations().iter().filter_map(|it| it.user.clone()).collect();
        assert_eq!(users, ["p-0001"]);
    }

    #[test]
    fn a_user_named_like_an_account_makes_no_account() {
        let tree = AccountTree::under("public", vec![user("x", "public")]);
        assert!(!tree.contains("public"));
    }

    #[test]
    fn what_lies_elsewhere_is_known_by_name() {
        let tree = site();
        assert!(tree.is_elsewhere("research") && tree.is_elsewhere("root"));
        assert!(!tree.is_elsewhere("register") && !tree.is_elsewhere("nowhere"));
        assert_eq!(tree.parent_of("register"), Some("health"));
        assert!(tree.is_below("register", "health") && tree.is_below("health", "health"));
        assert!(!tree.is_below("health", "register"));
    }

    #[test]
    fn a_loop_in_the_parents_ends() {
        let all = vec![account("public", Some("health")), account("health", Some("public"))];
        let tree = AccountTree::under("public", all);
        assert_eq!(tree.accounts().len(), 2);
        assert!(!tree.is_below("health", "nowhere"));
    }
}
