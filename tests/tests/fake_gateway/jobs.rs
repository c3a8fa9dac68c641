//! Jobs: they run, they are there once, and every bound has its name.

use slurm_wire::{Answer, Call, JobSpec, JobState, RefusalCode, Submitted};
use testbed::fake_gateway::{FakeFault, FakeGateway};

use crate::Stage;
use crate::caller::{Caller, job, ours};

fn submitted(job_id: u32, adopted: bool) -> Option<Answer> {
    Some(Answer::Submitted(Submitted { job_id, adopted }))
}

#[tokio::test]
async fn jobs_run_one_after_the_other_as_the_clock_moves() {
    let stage = Stage::set();
    let gateway = &stage.gateway;
    let mut caller = Caller::greet(gateway).await;
    let mut long = job(2);
    long.environment.insert("MIMER_FAKE_SECONDS".into(), "100000".into());
    for spec in [job(1), long] {
        let job_id = spec.job_id;
        assert_eq!(caller.ask(Call::Submit(Box::new(spec))).await, submitted(job_id, false));
        assert_eq!(caller.ask(Call::Release(ours(job_id))).await, Some(Answer::Done));
    }
    let states =
        |gateway: &FakeGateway| gateway.jobs().iter().map(|job| job.state).collect::<Vec<_>>();
    assert_eq!(states(gateway), [JobState::Running, JobState::Pending]);
    stage.pass(60);
    assert_eq!(states(gateway), [JobState::Completed, JobState::Running]);
    stage.pass(600);
    assert_eq!(states(gateway), [JobState::Completed, JobState::Timeout]);

    let Some(Answer::Records(records)) =
        caller.ask(Call::ReadRecords { job_ids: vec![2, 1] }).await
    else {
        panic!("no records");
    };
    let ran: Vec<_> = records
        .iter()
        .map(|record| (record.db_index, record.ended_at.unwrap() - record.started_at.unwrap()))
        .collect();
    assert_eq!(ran, [(1, 60), (2, 600)]);
    assert_eq!(records[0].tres["gres/gpu:h200"], 8);
}

#[tokio::test]
async fn an_id_is_used_once_and_adopted_by_its_key_only() {
    let stage = Stage::set();
    let gateway = &stage.gateway;
    let mut caller = Caller::greet(gateway).await;
    gateway.inject(FakeFault::LoseAnswer);
    assert_eq!(caller.ask(Call::Submit(Box::new(job(7)))).await, None);

    let mut caller = Caller::greet(gateway).await;
    assert_eq!(caller.ask(Call::Submit(Box::new(job(7)))).await, submitted(7, true));
    let other = JobSpec { key: "another".into(), ..job(7) };
    assert_eq!(caller.refusal_of(other).await, RefusalCode::JobIdTaken);
    assert_eq!(gateway.jobs().len(), 1);
}

#[tokio::test]
async fn every_bound_is_refused_by_name() {
    let stage = Stage::set();
    let gateway = &stage.gateway;
    let mut caller = Caller::greet(gateway).await;
    let good = job(9);
    for (spec, code) in [
        (JobSpec { uid: 0, ..good.clone() }, RefusalCode::RootUser),
        (JobSpec { uid: 33, ..good.clone() }, RefusalCode::SystemUser),
        (JobSpec { uid: 5_000, ..good.clone() }, RefusalCode::UidOutOfRange),
        (JobSpec { account: "research".into(), ..good.clone() }, RefusalCode::ForeignAccount),
        (JobSpec { partition: "research".into(), ..good.clone() }, RefusalCode::ForeignPartition),
        (JobSpec { qos: Some("crisis".into()), ..good.clone() }, RefusalCode::ForeignQos),
        (
            JobSpec { reservation: Some("theirs".into()), ..good.clone() },
            RefusalCode::ForeignReservation,
        ),
        (JobSpec { job_id: 10_000_000, ..good.clone() }, RefusalCode::JobIdOutOfRange),
        (JobSpec { work_dir: "/a/../b".into(), ..good.clone() }, RefusalCode::WorkDirOutsidePrefix),
        (JobSpec { gpu_count: 9, ..good.clone() }, RefusalCode::TooManyGpus),
        (JobSpec { time_limit_min: 0, ..good.clone() }, RefusalCode::TimeLimitTooLong),
        (JobSpec { script: "id".into(), ..good.clone() }, RefusalCode::BadScript),
        (JobSpec { key: String::new(), ..good }, RefusalCode::BadKey),
    ] {
        assert_eq!(caller.refusal_of(spec).await, code);
    }
    assert_eq!(gateway.jobs(), []);
}

#[tokio::test]
async fn faults_come_when_asked_for_and_heal() {
    let stage = Stage::set();
    let gateway = &stage.gateway;
    let mut caller = Caller::greet(gateway).await;
    gateway.inject(FakeFault::ControllerDown);
    assert_eq!(caller.refusal_of(job(1)).await, RefusalCode::ControllerUnavailable);
    gateway.heal();
    assert_eq!(caller.ask(Call::Submit(Box::new(job(1)))).await, submitted(1, false));
    // slurmctld acknowledged, died before it saved, and no longer knows: the same id works again.
    gateway.forget(1);
    assert_eq!(caller.ask(Call::Submit(Box::new(job(1)))).await, submitted(1, false));
    caller.say("{}").await;
    let answer = caller.lines.next_line().await.unwrap().unwrap();
    assert!(answer.contains("malformed_call"), "{answer}");
}

#[tokio::test]
async fn a_job_that_is_held_again_starts_only_when_it_is_released() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    caller.runs(job(1)).await;
    caller.runs(job(2)).await;
    caller.does(Call::Hold(ours(2))).await;
    assert_eq!(caller.refused(Call::Hold(ours(1))).await, RefusalCode::SlurmRefused);
    stage.pass(60);
    let row = caller.row(2).await;
    assert!(row.held && row.state == JobState::Pending, "{row:?}");
    caller.does(Call::Release(ours(2))).await;
    assert_eq!(caller.row(2).await.state, JobState::Running);
}

#[tokio::test]
async fn a_job_that_cannot_end_before_its_deadline_is_given_up() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    let now = stage.clock.now().timestamp();
    let late = JobSpec { deadline: Some(now + 599), ..job(1) };
    assert_eq!(caller.refusal_of(late).await, RefusalCode::SlurmRefused);
    caller.runs(job(1)).await;
    caller.runs(JobSpec { deadline: Some(now + 630), ..job(2) }).await;
    stage.pass(59);
    let row = caller.row(2).await;
    assert_eq!((row.state, row.started_at), (JobState::Deadline, None));
    assert_eq!(row.ended_at, Some(now + 31));
}
