//! Accounts, users, QOS and reservations: kept, shown, and refused by name.

use std::collections::BTreeSet;

use slurm_wire::{
    AccountLimits, Call, JobSpec, JobState, Limits, NewAccount, NewReservation, QosRow,
    RefusalCode, UserAssociation,
};
use testbed::fake_gateway::{FakeBounds, FakePlan};

use crate::Stage;
use crate::caller::{Caller, job, ours};

fn account(name: &str, parent: &str) -> Call {
    Call::PutAccount(NewAccount {
        name: name.into(),
        parent: parent.into(),
        description: "of a test".into(),
    })
}

fn user(account: &str, user: &str, qos: &[&str]) -> Call {
    Call::PutUser(UserAssociation {
        account: account.into(),
        user: user.into(),
        qos: qos.iter().map(|name| (*name).to_owned()).collect(),
    })
}

/// A QOS without limits that nobody makes way for.
pub(crate) fn qos(name: &str) -> QosRow {
    QosRow {
        name: name.into(),
        description: "of a test".into(),
        priority: 0,
        preempts: BTreeSet::new(),
        no_decay: true,
        deny_on_limit: false,
        limits: Limits::default(),
    }
}

/// `node01` set aside for `pub_demo` from now on, for a day.
pub(crate) fn reservation(stage: &Stage) -> NewReservation {
    let now = stage.clock.now().timestamp();
    NewReservation {
        name: "mimer_share".into(),
        nodes: ["node01".to_owned()].into(),
        accounts: ["pub_demo".to_owned()].into(),
        partition: Some("confidential".into()),
        starts_at: now - 60,
        ends_at: now + 86_400,
    }
}

fn names(rows: impl IntoIterator<Item = String>) -> Vec<String> {
    rows.into_iter().collect()
}

#[tokio::test]
async fn what_is_put_is_read_back_and_putting_it_again_changes_nothing() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    let limits = Limits { at_once: [("gres/gpu".to_owned(), 4)].into(), ..Limits::default() };
    for _ in 0..2 {
        caller.does(account("pub_fund", "public")).await;
        caller.does(account("pub_heart", "pub_fund")).await;
        let new = AccountLimits { account: "pub_fund".into(), limits: limits.clone() };
        caller.does(Call::PutAccountLimits(new)).await;
        caller.does(Call::PutQos(qos("mimer_pub_heart"))).await;
        caller.does(user("pub_heart", "mimer-p2", &["mimer_pub_heart"])).await;
        caller.does(Call::PutReservation(reservation(&stage))).await;
    }
    let policy = caller.policy().await;
    let accounts = names(policy.accounts.iter().map(|row| row.name.clone()));
    assert_eq!(accounts, ["pub_demo", "pub_fund", "pub_heart", "public"]);
    assert_eq!(policy.accounts[1].limits, limits);
    assert_eq!(policy.qos, [qos("mimer_pub_heart")]);
    let heart = policy.associations.iter().find(|row| row.user.as_deref() == Some("mimer-p2"));
    let heart = heart.unwrap();
    assert_eq!((heart.account.as_str(), heart.qos.len()), ("pub_heart", 1));
    assert_eq!(heart.default_qos.as_deref(), Some("mimer_pub_heart"));
    assert_eq!(policy.reservations.len(), 1);
    assert_eq!(policy.reservations[0].starts_at, stage.clock.now().timestamp());

    // What is not named is lifted; what is gone already is well.
    let lifted = AccountLimits { account: "pub_fund".into(), limits: Limits::default() };
    caller.does(Call::PutAccountLimits(lifted)).await;
    for _ in 0..2 {
        let (account, user) = ("pub_heart".to_owned(), "mimer-p2".to_owned());
        caller.does(Call::RemoveUser { account, user }).await;
        caller.does(Call::RemoveReservation { name: "mimer_share".into() }).await;
    }
    let policy = caller.policy().await;
    assert_eq!(policy.accounts[1].limits, Limits::default());
    assert!(policy.reservations.is_empty());
    assert!(policy.associations.iter().all(|row| row.user.as_deref() != Some("mimer-p2")));
}

#[tokio::test]
async fn what_is_not_the_brokers_is_refused_by_name() {
    use RefusalCode as Code;
    let bounds = FakeBounds { max_set_aside_nodes: 1, import: false, ..FakeBounds::default() };
    let stage = Stage::with(FakePlan { nodes: 2, bounds, ..FakePlan::default() });
    let mut caller = Caller::greet(&stage.gateway).await;
    let victims = |name: &str| QosRow { preempts: [name.to_owned()].into(), ..qos("mimer_a") };
    let share = reservation(&stage);
    let unlimited = |account: &str, tres: &str| {
        let limits = Limits { minutes: [(tres.to_owned(), 1)].into(), ..Limits::default() };
        Call::PutAccountLimits(AccountLimits { account: account.into(), limits })
    };
    let two = ["node01".to_owned(), "node02".to_owned()];
    for (call, code) in [
        (account("pub_a", "research"), Code::ForeignAccount),
        (account("research", "public"), Code::ForeignAccount),
        (account("public", "pub_demo"), Code::BadPolicy),
        (unlimited("public", "gres/gpu"), Code::ForeignAccount),
        (account("pub_A", "public"), Code::BadPolicy),
        (unlimited("research", "gres/gpu"), Code::ForeignAccount),
        (unlimited("pub_demo", "gpus"), Code::BadPolicy),
        (user("research", "mimer-p1", &["normal"]), Code::ForeignAccount),
        (user("pub_demo", "root", &["normal"]), Code::ForeignUser),
        (user("pub_demo", "mimer-p1", &["crisis"]), Code::ForeignQos),
        (user("pub_demo", "mimer-p1", &["mimer_none"]), Code::NotKnownToSlurmYet),
        (user("pub_demo", "mimer-p1", &[]), Code::BadPolicy),
        (user("pub_demo", "mimer-p1", &["normal", "normal"]), Code::BadPolicy),
        (Call::PutQos(QosRow { description: "Göta".into(), ..qos("mimer_a") }), Code::BadPolicy),
        (Call::PutQos(qos("normal")), Code::ForeignQos),
        (Call::PutQos(victims("high")), Code::ForeignVictim),
        (Call::PutQos(victims("mimer_a")), Code::BadPolicy),
        (Call::PutQos(victims("mimer_b")), Code::NotKnownToSlurmYet),
        (Call::PutQos(QosRow { priority: u32::MAX, ..qos("mimer_a") }), Code::PriorityTooHigh),
        (Call::RemoveReservation { name: "theirs".into() }, Code::ForeignReservation),
        (Call::ReadWholeCluster, Code::ImportNotAllowed),
    ] {
        assert_eq!(caller.refused(call.clone()).await, code, "{call:?}");
    }
    for (new, code) in [
        (NewReservation { name: "theirs".into(), ..share.clone() }, Code::ForeignReservation),
        (NewReservation { nodes: ["n9".to_owned()].into(), ..share.clone() }, Code::ForeignNode),
        (NewReservation { nodes: two.into(), ..share.clone() }, Code::ForeignNode),
        (
            NewReservation { accounts: ["research".to_owned()].into(), ..share.clone() },
            Code::ForeignAccount,
        ),
        (NewReservation { partition: Some("research".into()), ..share.clone() }, {
            Code::ForeignPartition
        }),
        (NewReservation { ends_at: share.starts_at, ..share.clone() }, Code::BadPolicy),
    ] {
        assert_eq!(caller.refused(Call::PutReservation(new.clone())).await, code, "{new:?}");
    }
    assert_eq!(stage.gateway.policy_writes(), 0);
}

#[tokio::test]
async fn a_job_whose_account_user_or_qos_is_missing_may_be_tried_again() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    let heart = JobSpec { account: "pub_heart".into(), qos: Some("mimer_heart".into()), ..job(1) };
    for step in [
        Call::PutQos(qos("mimer_heart")),
        account("pub_heart", "public"),
        Call::PutQos(qos("mimer_other")),
        user("pub_heart", "mimer-p1", &["mimer_other"]),
        user("pub_heart", "mimer-p1", &["mimer_other", "mimer_heart"]),
    ] {
        let code = caller.refusal_of(heart.clone()).await;
        assert_eq!(code, RefusalCode::NotKnownToSlurmYet);
        assert!(code.retry_helps());
        caller.does(step).await;
    }
    caller.runs(heart).await;
    assert_eq!(caller.row(1).await.state, JobState::Running);
    let remove = Call::RemoveUser { account: "pub_heart".into(), user: "mimer-p1".into() };
    assert_eq!(caller.refused(remove.clone()).await, RefusalCode::JobsStillThere);
    stage.pass(60);
    caller.does(remove).await;
}

#[tokio::test]
async fn nodes_set_aside_are_for_those_who_name_the_reservation() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    let inside = JobSpec { reservation: Some("mimer_share".into()), ..job(1) };
    assert_eq!(caller.refusal_of(inside.clone()).await, RefusalCode::NotKnownToSlurmYet);
    caller.does(Call::PutReservation(reservation(&stage))).await;
    caller.runs(job(2)).await;
    assert_eq!(caller.row(2).await.state_reason.as_deref(), Some("Reservation"));
    caller.runs(inside).await;
    assert_eq!(caller.row(1).await.state, JobState::Running);
    stage.pass(60);
    caller.does(Call::RemoveReservation { name: "mimer_share".into() }).await;
    caller.does(Call::Nudge(ours(2))).await;
    assert_eq!(caller.row(2).await.state, JobState::Running);
}

#[tokio::test]
async fn a_change_by_hand_is_read_back_and_others_accounts_are_not() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    caller.does(Call::PutQos(qos("mimer_demo"))).await;
    stage.gateway.modify_by_hand(|policy| {
        let ours = policy.qos.iter_mut().find(|row| row.name == "mimer_demo").unwrap();
        ours.limits.minutes.insert("gres/gpu".into(), 7);
    });
    let policy = caller.policy().await;
    assert_eq!(policy.qos[0].limits.minutes["gres/gpu"], 7);
    assert!(policy.accounts.iter().all(|row| row.name != "research"));
    assert!(stage.gateway.policy().accounts.iter().any(|row| row.name == "research"));
    assert_eq!(stage.gateway.policy_writes(), 1);
}
