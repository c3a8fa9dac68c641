//! What the broker may write into Slurm's accounts, users and QOS.

use std::collections::BTreeSet;

use slurm_wire::{
    AccountLimits, Limits, NewAccount, QosRow, Refusal, RefusalCode, UserAssociation,
};

use super::name::{bad, description, plain};
use super::{AccountTree, Bounds, refusal};

/// Largest limit on a TRES: far above every machine, far below Slurm's sentinels.
const LIMIT_MAX: u64 = 1 << 52;

/// Largest limit on jobs.
const JOBS_MAX: u32 = 1 << 30;

/// Most TRES that one set of limits names.
const TRES_COUNT: usize = 64;

/// Most QOS that one association or one list of victims names.
const QOS_COUNT: usize = 20_000;

impl Bounds {
    /// Checks an account to make: its name is free or ours, its parent lies in the subtree.
    pub fn check_new_account(&self, new: &NewAccount, tree: &AccountTree) -> Result<(), Refusal> {
        plain("an account", &new.name)?;
        description(&new.description)?;
        tree.check(&self.account_root, &new.parent)?;
        if new.name == self.account_root || tree.is_elsewhere(&new.name) {
            let sentence = format!(
                "the Slurm account {:?} is not the broker's: it is {:?} itself or lies outside of it",
                new.name, self.account_root
            );
            return Err(refusal(RefusalCode::ForeignAccount, sentence));
        }
        if tree.is_below(&new.parent, &new.name) {
            let sentence = format!(
                "the account {:?} cannot lie under {:?}: that lies under it, or is the same",
                new.name, new.parent
            );
            return Err(bad(sentence));
        }
        Ok(())
    }

    /// Checks limits for an account of the subtree.
    pub fn check_account_limits(
        &self,
        wanted: &AccountLimits,
        tree: &AccountTree,
    ) -> Result<(), Refusal> {
        self.check_below_root(&wanted.account, tree)?;
        limits(&wanted.limits)
    }

    /// Checks who is let in where; `uid` is what the system says of the user's name.
    pub fn check_user(
        &self,
        wanted: &UserAssociation,
        uid: Option<u32>,
        tree: &AccountTree,
    ) -> Result<(), Refusal> {
        plain("a user", &wanted.user)?;
        self.check_below_root(&wanted.account, tree)?;
        let people = self.uid_min..=self.uid_max;
        if !uid.is_some_and(|uid| people.contains(&uid)) {
            let found = uid.map_or("no user on this system".to_owned(), |uid| format!("uid {uid}"));
            let sentence = format!(
                "{:?} is {found}: a project's user has a uid from {} to {}",
                wanted.user, self.uid_min, self.uid_max
            );
            return Err(refusal(RefusalCode::ForeignUser, sentence));
        }
        let different: BTreeSet<&String> = wanted.qos.iter().collect();
        if wanted.qos.is_empty() || different.len() < wanted.qos.len() {
            return Err(bad(format!(
                "{:?} needs one QOS at least and each once, not {:?}",
                wanted.user, wanted.qos
            )));
        }
        wanted.qos.iter().try_for_each(|qos| self.check_qos_of_job(qos))
    }

    /// Checks who is shut out where. The user need not be known to the system any more.
    pub fn check_user_removal(
        &self,
        account: &str,
        user: &str,
        tree: &AccountTree,
    ) -> Result<(), Refusal> {
        plain("a user", user)?;
        self.check_below_root(account, tree)
    }

    /// Checks a QOS to make or change.
    pub fn check_qos(&self, wanted: &QosRow) -> Result<(), Refusal> {
        plain("a QOS", &wanted.name)?;
        if !self.is_own_qos(&wanted.name) {
            let sentence = format!(
                "the QOS {:?} is not the broker's: those begin with {:?}",
                wanted.name, self.qos_prefix
            );
            return Err(refusal(RefusalCode::ForeignQos, sentence));
        }
        description(&wanted.description)?;
        if wanted.priority > self.max_priority {
            let sentence = format!(
                "a priority of {}: max_priority in the bounds file is {}",
                wanted.priority, self.max_priority
            );
            return Err(refusal(RefusalCode::PriorityTooHigh, sentence));
        }
        self.victims(wanted)?;
        limits(&wanted.limits)
    }

    /// Checks that a job may ask for a QOS.
    pub fn check_qos_of_job(&self, qos: &str) -> Result<(), Refusal> {
        if self.qos.iter().any(|named| named == qos) || self.is_own_qos(qos) {
            return Ok(());
        }
        Err(refusal(
            RefusalCode::ForeignQos,
            format!(
                "{qos:?} is not one of the broker's QOS: {:?}, or one that begins with {:?}",
                self.qos, self.qos_prefix
            ),
        ))
    }

    /// Checks that the whole cluster may be read.
    pub fn check_import(&self) -> Result<(), Refusal> {
        if self.import {
            return Ok(());
        }
        let sentence = "reading the whole cluster is switched off: set import = true in the bounds \
                        file for as long as accounts are taken over";
        Err(refusal(RefusalCode::ImportNotAllowed, sentence))
    }

    /// True for a QOS that is the broker's to change.
    pub fn is_own_qos(&self, qos: &str) -> bool {
        let rest = qos.strip_prefix(self.qos_prefix.as_str());
        rest.is_some_and(|rest| !rest.is_empty()) && plain("a QOS", qos).is_ok()
    }

    fn victims(&self, wanted: &QosRow) -> Result<(), Refusal> {
        let foreign = |victim: &&String| {
            !self.may_preempt.contains(victim) && !self.is_own_qos(victim.as_str())
        };
        if let Some(victim) = wanted.preempts.iter().find(foreign) {
            let sentence = format!(
                "jobs of the QOS {victim:?} may not be made to give way: may_preempt in the bounds file \
                 names {:?}",
                self.may_preempt
            );
            return Err(refusal(RefusalCode::ForeignVictim, sentence));
        }
        if wanted.preempts.contains(&wanted.name) || wanted.preempts.len() > QOS_COUNT {
            return Err(bad(format!(
                "{:?} may not give way to itself, nor may more than {QOS_COUNT} QOS give way to it",
                wanted.name
            )));
        }
        Ok(())
    }

    /// The root itself is the site's: the broker changes what lies under it.
    fn check_below_root(&self, account: &str, tree: &AccountTree) -> Result<(), Refusal> {
        tree.check(&self.account_root, account)?;
        if account != self.account_root {
            return Ok(());
        }
        Err(refusal(
            RefusalCode::ForeignAccount,
            format!("{account:?} is the root of the broker's accounts and the site's to change"),
        ))
    }
}

fn limits(limits: &Limits) -> Result<(), Refusal> {
    for (tres, amount) in limits.at_once.iter().chain(&limits.minutes) {
        if !is_tres(tres) {
            return Err(bad(format!("{tres:?} is not a TRES, such as gres/gpu:h200")));
        }
        if *amount > LIMIT_MAX {
            return Err(bad(format!("a limit of {amount} on {tres}: at most {LIMIT_MAX}")));
        }
    }
    if limits.at_once.len() > TRES_COUNT || limits.minutes.len() > TRES_COUNT {
        return Err(bad(format!("limits name at most {TRES_COUNT} TRES")));
    }
    let too_many = |jobs: Option<u32>| jobs.is_some_and(|jobs| jobs > JOBS_MAX);
    if too_many(limits.running_jobs) || too_many(limits.submitted_jobs) {
        return Err(bad(format!("a limit on jobs is at most {JOBS_MAX}")));
    }
    Ok(())
}

/// `cpu`, `gres/gpu`, `gres/gpu:h200`: nothing in it may end the name or begin another.
fn is_tres(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte);
    (1..=100).contains(&text.len()) && text.bytes().all(letter)
}
