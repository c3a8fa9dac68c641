//! Calls about what Slurm keeps for the broker: accounts, users, QOS, reservations.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use slurm_wire::{
    AccountLimits, Answer, NewAccount, NewReservation, Policy, QosRow, Refusal, RefusalCode,
    ReservationRow, UserAssociation,
};

use super::{Desk, mismatch};
use crate::association::Association;
use crate::bounds::{self, AccountTree};
use crate::frame::{Product, Task};

impl Desk {
    /// What is the broker's to change, as it is at this moment.
    pub(super) fn read_policy(&self) -> Result<Answer, Refusal> {
        let asked_at = Instant::now();
        let (associations, mut qos) = self.cluster()?;
        let bounds = &self.file.bounds;
        let tree = Arc::new(AccountTree::under(&bounds.account_root, associations));
        self.accounts.keep(&tree, asked_at);
        qos.retain(|it| bounds.is_own_qos(&it.name));
        let mut reservations = self.reservations()?;
        reservations.retain(|it| bounds.is_own_reservation(&it.name));
        Ok(Answer::Policy(Box::new(Policy {
            accounts: tree.accounts(),
            associations: tree.associations().to_vec(),
            qos,
            reservations,
        })))
    }

    /// Everything, to be taken over.
    pub(super) fn read_whole_cluster(&self) -> Result<Answer, Refusal> {
        self.file.bounds.check_import()?;
        let (associations, qos) = self.cluster()?;
        let reservations = self.reservations()?;
        let accounts =
            associations.iter().filter(|it| it.user.is_none()).map(Association::account_row);
        Ok(Answer::Policy(Box::new(Policy {
            accounts: accounts.collect(),
            associations: associations.iter().map(Association::row).collect(),
            qos,
            reservations,
        })))
    }

    pub(super) fn put_account(&self, account: NewAccount) -> Result<Answer, Refusal> {
        let tree = self.accounts.tree_with(&account.parent, &self.dbd)?;
        self.file.bounds.check_new_account(&account, &tree)?;
        let from = tree.parent_of(&account.name).map(ToOwned::to_owned);
        let name = account.name.clone();
        self.write(Task::PutAccount { account, from })?;
        tracing::info!(account = name, "an account was put in place");
        Ok(Answer::Done)
    }

    pub(super) fn put_account_limits(&self, wanted: AccountLimits) -> Result<Answer, Refusal> {
        let tree = self.accounts.tree_with(&wanted.account, &self.dbd)?;
        self.file.bounds.check_account_limits(&wanted, &tree)?;
        let account = wanted.account.clone();
        self.write(Task::PutAccountLimits(wanted))?;
        tracing::info!(account, "an account's limits were put in place");
        Ok(Answer::Done)
    }

    pub(super) fn put_user(&self, wanted: UserAssociation) -> Result<Answer, Refusal> {
        let tree = self.accounts.tree_with(&wanted.account, &self.dbd)?;
        let uid = bounds::uid_of(&wanted.user)?;
        self.file.bounds.check_user(&wanted, uid, &tree)?;
        let (account, user) = (wanted.account.clone(), wanted.user.clone());
        self.write(Task::PutUser(wanted))?;
        tracing::info!(account, user, "a user was let in");
        Ok(Answer::Done)
    }

    pub(super) fn remove_user(&self, account: String, user: String) -> Result<Answer, Refusal> {
        let tree = self.accounts.tree_with(&account, &self.dbd)?;
        self.file.bounds.check_user_removal(&account, &user, &tree)?;
        self.check_idle(&account, &user)?;
        self.write(Task::RemoveUser { account: account.clone(), user: user.clone() })?;
        tracing::info!(account, user, "a user was shut out");
        Ok(Answer::Done)
    }

    pub(super) fn put_qos(&self, qos: QosRow) -> Result<Answer, Refusal> {
        self.file.bounds.check_qos(&qos)?;
        let name = qos.name.clone();
        self.run(Task::PutQos(qos))?;
        tracing::info!(qos = name, "a QOS was put in place");
        Ok(Answer::Done)
    }

    pub(super) fn put_reservation(&self, wanted: NewReservation) -> Result<Answer, Refusal> {
        // Named one by one, so that an account made this second is found.
        let mut tree = self.accounts.tree(&self.dbd)?;
        for account in &wanted.accounts {
            tree = self.accounts.tree_with(account, &self.dbd)?;
        }
        // Two at once could each find room for the last node that may be set aside.
        let _counting = self.setting_aside.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.bounds.check_reservation(&wanted, &self.reservations()?, &tree)?;
        let name = wanted.name.clone();
        self.run(Task::PutReservation(wanted))?;
        tracing::info!(reservation = name, "a reservation was put in place");
        Ok(Answer::Done)
    }

    pub(super) fn remove_reservation(&self, name: String) -> Result<Answer, Refusal> {
        self.file.bounds.check_reservation_name(&name)?;
        self.run(Task::RemoveReservation { name: name.clone() })?;
        tracing::info!(reservation = name, "a reservation was ended");
        Ok(Answer::Done)
    }

    /// slurmdbd refuses to shut out a user with jobs, but hears of them seconds late: slurmctld knows
    /// them at once. Of a user whom the system has forgotten it knows a number only.
    fn check_idle(&self, account: &str, user: &str) -> Result<(), Refusal> {
        let Some(uid) = bounds::uid_of(user)? else {
            return Ok(());
        };
        let accounts = vec![account.to_owned()];
        let jobs = self.jobs(Task::ReadJobsAt { partitions: Vec::new(), accounts })?;
        let theirs: Vec<u32> = jobs
            .iter()
            .filter(|row| row.uid == uid && row.account.as_deref() == Some(account))
            .filter(|row| !row.state.is_over() || row.completing)
            .map(|row| row.job_id)
            .collect();
        if theirs.is_empty() {
            return Ok(());
        }
        let sentence = format!(
            "{user:?} still has jobs that wait or run under {account:?} ({theirs:?}): cancel them or \
             wait for their end, then send the same call again"
        );
        Err(bounds::refusal(RefusalCode::JobsStillThere, sentence))
    }

    /// Changes accounts or associations. Whatever came of it, the remembered tree is old now.
    fn write(&self, task: Task) -> Result<(), Refusal> {
        let outcome = self.run(task);
        self.accounts.note_change();
        outcome.map(|_| ())
    }

    fn cluster(&self) -> Result<(Vec<Association>, Vec<QosRow>), Refusal> {
        match self.run(Task::ReadCluster)? {
            Product::Cluster { associations, qos } => Ok((associations, qos)),
            other => Err(mismatch(&other)),
        }
    }

    fn reservations(&self) -> Result<Vec<ReservationRow>, Refusal> {
        match self.run(Task::ReadReservations)? {
            Product::Reservations(reservations) => Ok(reservations),
            other => Err(mismatch(&other)),
        }
    }
}
