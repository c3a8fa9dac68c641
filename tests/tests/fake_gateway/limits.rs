//! Limits of QOS and accounts: they are obeyed, and a raised one is noticed late unless nudged.

use slurm_wire::{AccountLimits, AccountRow, Call, JobSpec, JobState, Limits, QosRow, RefusalCode};

use crate::Stage;
use crate::caller::{Caller, job, ours};
use crate::policy::qos;

/// A QOS with so many GPU-minutes, typed and untyped.
fn minutes(most: u64) -> QosRow {
    let minutes = ["gres/gpu", "gres/gpu:h200"].map(|tres| (tres.to_owned(), most)).into();
    QosRow { limits: Limits { minutes, ..Limits::default() }, ..qos("mimer_demo") }
}

/// A job of the demo's under that QOS.
fn demo(job_id: u32, gpu_count: u32) -> JobSpec {
    JobSpec { qos: Some("mimer_demo".into()), gpu_count, ..job(job_id) }
}

/// A stage where `pub_demo`'s user may use the QOS.
async fn with(qos: QosRow) -> (Stage, Caller) {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    caller.does(Call::PutQos(qos)).await;
    stage.gateway.modify_by_hand(|policy| {
        let theirs = policy.associations.iter_mut().filter(|row| row.user.is_some());
        theirs.for_each(|row| {
            row.qos.insert("mimer_demo".into());
        });
    });
    (stage, caller)
}

#[tokio::test]
async fn gpu_minutes_count_what_was_used_and_what_runs_may_still_use() {
    // Ten minutes of two GPUs are 20; the job sleeps one, so it uses 2 in the end.
    let (stage, mut caller) = with(minutes(22)).await;
    caller.runs(demo(1, 2)).await;
    caller.runs(demo(2, 2)).await;
    assert_eq!(caller.row(1).await.state, JobState::Running);
    assert_eq!(caller.row(2).await.state_reason.as_deref(), Some("QOSGrpGRESMinutes"));
    stage.pass(60);
    assert_eq!(caller.row(2).await.state, JobState::Running, "2 used + 20 asked fit");
    caller.runs(demo(3, 2)).await;
    stage.pass(60);
    assert_eq!(caller.row(3).await.state, JobState::Pending, "4 used + 20 asked do not");
}

#[tokio::test]
async fn a_raised_limit_is_noticed_at_once_only_by_a_nudge() {
    let (stage, mut caller) = with(minutes(10)).await;
    caller.runs(demo(1, 2)).await;
    caller.runs(demo(2, 2)).await;
    caller.does(Call::PutQos(minutes(100))).await;
    stage.pass(1);
    assert_eq!(caller.row(1).await.state, JobState::Pending);
    caller.does(Call::Nudge(ours(1))).await;
    assert_eq!(caller.row(1).await.state, JobState::Running);

    caller.does(Call::PutQos(minutes(10))).await;
    caller.runs(demo(3, 2)).await;
    caller.does(Call::PutQos(minutes(100))).await;
    stage.pass(30);
    assert_eq!(caller.row(3).await.state, JobState::Running, "Slurm looks by itself in the end");
}

#[tokio::test]
async fn gpus_and_jobs_at_once_are_bounded_for_an_account_and_all_below_it() {
    let (stage, mut caller) = with(qos("mimer_demo")).await;
    stage.gateway.modify_by_hand(|policy| {
        let demo = policy.accounts.iter_mut().find(|row| row.name == "pub_demo").unwrap();
        let fund = AccountRow { name: "pub_fund".into(), ..demo.clone() };
        demo.parent = Some(fund.name.clone());
        policy.accounts.push(fund);
    });
    let cap = |gpus: u64, jobs: u32| {
        let at_once = [("gres/gpu:h200".to_owned(), gpus)].into();
        let limits = Limits { at_once, running_jobs: Some(jobs), ..Limits::default() };
        Call::PutAccountLimits(AccountLimits { account: "pub_fund".into(), limits })
    };
    caller.does(cap(4, 9)).await;
    caller.runs(demo(1, 3)).await;
    caller.runs(demo(2, 2)).await;
    caller.runs(demo(3, 1)).await;
    assert_eq!(caller.row(2).await.state_reason.as_deref(), Some("AssocGrpGRES"));
    assert_eq!(caller.row(3).await.state, JobState::Running);
    caller.does(cap(8, 2)).await;
    caller.does(Call::Nudge(ours(2))).await;
    assert_eq!(caller.row(2).await.state_reason.as_deref(), Some("AssocGrpJobsLimit"));
    stage.pass(60);
    assert_eq!(caller.row(2).await.state, JobState::Running);
}

#[tokio::test]
async fn some_limits_refuse_at_the_door() {
    let few = Limits { submitted_jobs: Some(1), ..Limits::default() };
    let (_stage, mut caller) = with(QosRow { limits: few, ..qos("mimer_demo") }).await;
    caller.runs(demo(1, 1)).await;
    assert_eq!(caller.refusal_of(demo(2, 1)).await, RefusalCode::SlurmRefused);

    let strict = QosRow { deny_on_limit: true, ..minutes(10) };
    let (_stage, mut caller) = with(strict).await;
    assert_eq!(caller.refusal_of(demo(1, 2)).await, RefusalCode::SlurmRefused);
    caller.runs(demo(2, 1)).await;
}
