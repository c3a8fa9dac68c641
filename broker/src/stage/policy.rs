//! What Slurm's accounts, users, QOS and reservations become by a call; nothing is refused.

use slurm_wire::{AccountRow, AssociationRow, Call, Limits, Policy, ReservationRow};

/// Changes what Slurm has as the call says. A call that changes no policy changes nothing.
pub(crate) fn set(policy: &mut Policy, call: &Call) {
    match call {
        Call::PutAccount(new) => {
            match policy.accounts.iter_mut().find(|row| row.name == new.name) {
                Some(row) => row.parent = Some(new.parent.clone()),
                None => policy.accounts.push(account(&new.name, &new.parent)),
            }
        }
        Call::PutAccountLimits(new) => {
            for row in policy.accounts.iter_mut().filter(|row| row.name == new.account) {
                row.limits = new.limits.clone();
            }
        }
        Call::PutUser(new) => {
            remove_user(policy, &new.account, &new.user);
            policy.associations.push(AssociationRow {
                cluster: "mimer".to_owned(),
                account: new.account.clone(),
                user: Some(new.user.clone()),
                partition: None,
                qos: new.qos.iter().cloned().collect(),
                default_qos: new.qos.first().cloned(),
            });
        }
        Call::RemoveUser { account, user } => remove_user(policy, account, user),
        Call::PutQos(new) => {
            policy.qos.retain(|row| row.name != new.name);
            policy.qos.push(new.clone());
        }
        Call::PutReservation(new) => {
            policy.reservations.retain(|row| row.name != new.name);
            policy.reservations.push(ReservationRow {
                name: new.name.clone(),
                nodes: new.nodes.clone(),
                accounts: new.accounts.clone(),
                partition: new.partition.clone(),
                starts_at: new.starts_at,
                ends_at: new.ends_at,
            });
        }
        Call::RemoveReservation { name } => policy.reservations.retain(|row| row.name != *name),
        _ => {}
    }
}

fn remove_user(policy: &mut Policy, account: &str, user: &str) {
    policy.associations.retain(|row| row.account != account || row.user.as_deref() != Some(user));
}

/// An account without limits.
pub(crate) fn account(name: &str, parent: &str) -> AccountRow {
    let (name, parent) = (name.to_owned(), Some(parent.to_owned()));
    AccountRow { name, parent, limits: Limits::default() }
}
