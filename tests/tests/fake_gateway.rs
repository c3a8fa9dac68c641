//! The simulated gateway's promises: the real one's rules, on a moved clock.

#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

use std::collections::BTreeMap;

use chrono::TimeDelta;
use record::Clock;
use slurm_wire::{
    Answer, Call, Hello, JobSpec, JobState, PROTOCOL_VERSION, RefusalCode, Submitted, Welcome,
};
use testbed::fake_gateway::{FAKE_RELEASE, FakeFault, FakeGateway, FakePlan};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// A caller that has greeted.
struct Caller {
    lines: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
}

impl Caller {
    async fn greet(gateway: &FakeGateway) -> Self {
        let (read, write) = UnixStream::connect(gateway.socket()).await.unwrap().into_split();
        let mut caller = Self { lines: BufReader::new(read).lines(), write };
        caller.say(&serde_json::to_string(&Hello { version: PROTOCOL_VERSION }).unwrap()).await;
        let welcome = caller.lines.next_line().await.unwrap().unwrap();
        let welcome: Welcome = serde_json::from_str(&welcome).unwrap();
        assert_eq!(welcome.slurm_version, FAKE_RELEASE);
        caller
    }

    async fn say(&mut self, line: &str) {
        self.write.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Asks, and returns the answer; `None` if the connection broke instead.
    async fn ask(&mut self, call: Call) -> Option<Answer> {
        self.say(&serde_json::to_string(&call).unwrap()).await;
        let line = self.lines.next_line().await.ok()??;
        Some(serde_json::from_str(&line).unwrap())
    }

    async fn refusal_of(&mut self, spec: JobSpec) -> RefusalCode {
        match self.ask(Call::Submit(Box::new(spec))).await {
            Some(Answer::Refused(refusal)) => refusal.code,
            other => panic!("was not refused: {other:?}"),
        }
    }
}

fn job(job_id: u32) -> JobSpec {
    JobSpec {
        job_id,
        key: format!("key-{job_id}"),
        uid: 61_001,
        gid: 61_001,
        account: "pub_demo".into(),
        partition: "confidential".into(),
        qos: None,
        name: "train".into(),
        time_limit_min: 10,
        gpu_count: 8,
        gpu_type: "h200".into(),
        cpu_count: 8,
        memory_mib: None,
        work_dir: "/areas/demo".into(),
        script: "#!/bin/sh\nsleep 60\n".into(),
        environment: BTreeMap::new(),
    }
}

fn start() -> (tempfile::TempDir, Clock, FakeGateway) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual("2027-02-01T08:00:00Z".parse().unwrap());
    let socket = dir.path().join("socket");
    let gateway = FakeGateway::start(&socket, FakePlan::default(), clock.clone()).unwrap();
    (dir, clock, gateway)
}

fn submitted(job_id: u32, adopted: bool) -> Option<Answer> {
    Some(Answer::Submitted(Submitted { job_id, adopted }))
}

#[tokio::test]
async fn jobs_run_one_after_the_other_as_the_clock_moves() {
    let (_dir, clock, gateway) = start();
    let mut caller = Caller::greet(&gateway).await;
    let mut long = job(2);
    long.environment.insert("MIMER_FAKE_SECONDS".into(), "100000".into());
    for spec in [job(1), long] {
        let job_id = spec.job_id;
        assert_eq!(caller.ask(Call::Submit(Box::new(spec))).await, submitted(job_id, false));
        assert_eq!(caller.ask(Call::Release { job_id }).await, Some(Answer::Done));
    }
    let states =
        |gateway: &FakeGateway| gateway.jobs().iter().map(|job| job.state).collect::<Vec<_>>();
    assert_eq!(states(&gateway), [JobState::Running, JobState::Pending]);
    clock.advance(TimeDelta::seconds(60));
    assert_eq!(states(&gateway), [JobState::Completed, JobState::Running]);
    clock.advance(TimeDelta::minutes(10));
    assert_eq!(states(&gateway), [JobState::Completed, JobState::Timeout]);

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
    let (_dir, _clock, gateway) = start();
    let mut caller = Caller::greet(&gateway).await;
    gateway.inject(FakeFault::LoseAnswer);
    assert_eq!(caller.ask(Call::Submit(Box::new(job(7)))).await, None);

    let mut caller = Caller::greet(&gateway).await;
    assert_eq!(caller.ask(Call::Submit(Box::new(job(7)))).await, submitted(7, true));
    let other = JobSpec { key: "another".into(), ..job(7) };
    assert_eq!(caller.refusal_of(other).await, RefusalCode::JobIdTaken);
    assert_eq!(gateway.jobs().len(), 1);
}

#[tokio::test]
async fn every_bound_is_refused_by_name() {
    let (_dir, _clock, gateway) = start();
    let mut caller = Caller::greet(&gateway).await;
    let good = job(9);
    for (spec, code) in [
        (JobSpec { uid: 0, ..good.clone() }, RefusalCode::RootUser),
        (JobSpec { uid: 33, ..good.clone() }, RefusalCode::SystemUser),
        (JobSpec { uid: 5_000, ..good.clone() }, RefusalCode::UidOutOfRange),
        (JobSpec { account: "research".into(), ..good.clone() }, RefusalCode::ForeignAccount),
        (JobSpec { partition: "research".into(), ..good.clone() }, RefusalCode::ForeignPartition),
        (JobSpec { qos: Some("crisis".into()), ..good.clone() }, RefusalCode::ForeignQos),
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
    let (_dir, _clock, gateway) = start();
    let mut caller = Caller::greet(&gateway).await;
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
