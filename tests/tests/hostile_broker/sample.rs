//! One good sample of every call there is; a new call does not compile until it has one.

use slurm_wire::{
    AccountLimits, Call, Limits, NewAccount, NewReservation, QosRow, UserAssociation,
};

use super::ground::{ACCOUNT, Ground};

/// Every call, in the order of the protocol.
pub(crate) fn every_call(ground: &Ground) -> Vec<Call> {
    std::iter::successors(Some(Call::Ping), |call| after(call, ground)).collect()
}

/// The call's name in the protocol.
pub(crate) fn name_of(call: &Call) -> String {
    let value = serde_json::to_value(call).unwrap_or_default();
    value["call"].as_str().unwrap_or_default().to_owned()
}

/// The next call: whoever adds one to the protocol finds that this does not compile.
fn after(call: &Call, ground: &Ground) -> Option<Call> {
    let ours = || ground.ours();
    let next = match call {
        Call::Ping => Call::CheckSettings,
        Call::CheckSettings => Call::Submit(Box::new(ground.good_job())),
        Call::Submit(_) => Call::Release(ours()),
        Call::Release(_) => Call::Cancel(ours()),
        Call::Cancel(_) => Call::ReadJobs { job_ids: vec![ours().job_id] },
        Call::ReadJobs { .. } => Call::ReadRecords { job_ids: vec![ours().job_id] },
        Call::ReadRecords { .. } => Call::WatchJobs { since: None },
        Call::WatchJobs { .. } => Call::ReadEnded { from: 3600, until: 7200 },
        Call::ReadEnded { .. } => Call::ReadUsage { from: 3600, until: 7200 },
        Call::ReadUsage { .. } => Call::ReadAccounts,
        Call::ReadAccounts => Call::ReadAssociations,
        Call::ReadAssociations => Call::Hold(ours()),
        Call::Hold(_) => Call::Nudge(ours()),
        Call::Nudge(_) => Call::ChangeQos { job: ours(), qos: "mimer_x".to_owned() },
        Call::ChangeQos { .. } => Call::Suspend(ours()),
        Call::Suspend(_) => Call::Resume(ours()),
        Call::Resume(_) => Call::Requeue(ours()),
        Call::Requeue(_) => Call::SetTimeLimit { job: ours(), time_limit_min: 2 },
        Call::SetTimeLimit { .. } => Call::ReadStrangers,
        Call::ReadStrangers => Call::CancelStranger { job_id: ground.stranger },
        Call::CancelStranger { .. } => Call::ReadPreempted { from: 3600, until: 7200 },
        Call::ReadPreempted { .. } => Call::ReadPolicy,
        Call::ReadPolicy => Call::ReadWholeCluster,
        Call::ReadWholeCluster => Call::PutAccount(account()),
        Call::PutAccount(_) => Call::PutAccountLimits(limits()),
        Call::PutAccountLimits(_) => Call::PutUser(user(ground)),
        Call::PutUser(_) => {
            Call::RemoveUser { account: ACCOUNT.to_owned(), user: ground.user.name.clone() }
        }
        Call::RemoveUser { .. } => Call::PutQos(qos()),
        Call::PutQos(_) => Call::PutReservation(reservation()),
        Call::PutReservation(_) => Call::RemoveReservation { name: "mimer_x".to_owned() },
        Call::RemoveReservation { .. } => return None,
    };
    Some(next)
}

pub(crate) fn account() -> NewAccount {
    let [name, parent] = ["pub_new", "public"].map(ToOwned::to_owned);
    NewAccount { name, parent, description: "A new one".to_owned() }
}

pub(crate) fn limits() -> AccountLimits {
    AccountLimits { account: ACCOUNT.to_owned(), limits: Limits::default() }
}

pub(crate) fn user(ground: &Ground) -> UserAssociation {
    UserAssociation {
        account: ACCOUNT.to_owned(),
        user: ground.user.name.clone(),
        qos: vec!["mimer_x".to_owned()],
    }
}

pub(crate) fn qos() -> QosRow {
    QosRow {
        name: "mimer_x".to_owned(),
        description: "A new one".to_owned(),
        priority: 0,
        preempts: ["normal".to_owned()].into(),
        no_decay: true,
        deny_on_limit: false,
        limits: Limits::default(),
    }
}

pub(crate) fn reservation() -> NewReservation {
    NewReservation {
        name: "mimer_x".to_owned(),
        nodes: ["node01".to_owned()].into(),
        accounts: [ACCOUNT.to_owned()].into(),
        partition: Some("confidential".to_owned()),
        starts_at: 4_000_000_000,
        ends_at: 4_000_003_600,
    }
}
