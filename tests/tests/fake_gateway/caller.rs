//! Who asks the simulated gateway, over its socket.

use std::collections::BTreeMap;

use slurm_wire::{
    Answer, Call, Hello, JobRow, JobSpec, OurJob, PROTOCOL_VERSION, Policy, RefusalCode, Submitted,
    Welcome,
};
use testbed::fake_gateway::{FAKE_RELEASE, FakeGateway};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// A caller that has greeted.
pub(crate) struct Caller {
    pub(crate) lines: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
}

impl Caller {
    pub(crate) async fn greet(gateway: &FakeGateway) -> Self {
        let (read, write) = UnixStream::connect(gateway.socket()).await.unwrap().into_split();
        let mut caller = Self { lines: BufReader::new(read).lines(), write };
        caller.say(&serde_json::to_string(&Hello { version: PROTOCOL_VERSION }).unwrap()).await;
        let welcome = caller.lines.next_line().await.unwrap().unwrap();
        let welcome: Welcome = serde_json::from_str(&welcome).unwrap();
        assert_eq!(welcome.slurm_version, FAKE_RELEASE);
        caller
    }

    pub(crate) async fn say(&mut self, line: &str) {
        self.write.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    /// Asks, and returns the answer; `None` if the connection broke instead.
    pub(crate) async fn ask(&mut self, call: Call) -> Option<Answer> {
        self.say(&serde_json::to_string(&call).unwrap()).await;
        let line = self.lines.next_line().await.ok()??;
        Some(serde_json::from_str(&line).unwrap())
    }

    /// Makes a call that must be refused, and returns by which name.
    pub(crate) async fn refused(&mut self, call: Call) -> RefusalCode {
        match self.ask(call.clone()).await {
            Some(Answer::Refused(refusal)) => refusal.code,
            other => panic!("{call:?} was not refused: {other:?}"),
        }
    }

    pub(crate) async fn refusal_of(&mut self, spec: JobSpec) -> RefusalCode {
        self.refused(Call::Submit(Box::new(spec))).await
    }

    /// Makes a call that must change something, or have been made before.
    pub(crate) async fn does(&mut self, call: Call) {
        assert_eq!(self.ask(call.clone()).await, Some(Answer::Done), "{call:?}");
    }

    /// Submits a job and lets it start when it may.
    pub(crate) async fn runs(&mut self, spec: JobSpec) {
        let job_id = spec.job_id;
        let answer = self.ask(Call::Submit(Box::new(spec))).await;
        assert_eq!(answer, Some(Answer::Submitted(Submitted { job_id, adopted: false })));
        self.does(Call::Release(ours(job_id))).await;
    }

    /// One job as slurmctld shows it.
    pub(crate) async fn row(&mut self, job_id: u32) -> JobRow {
        match self.ask(Call::ReadJobs { job_ids: vec![job_id] }).await {
            Some(Answer::Jobs(rows)) if rows.len() == 1 => rows[0].clone(),
            other => panic!("not one row of job {job_id}: {other:?}"),
        }
    }

    /// The broker's part of accounts, users, QOS and reservations.
    pub(crate) async fn policy(&mut self) -> Policy {
        match self.ask(Call::ReadPolicy).await {
            Some(Answer::Policy(policy)) => *policy,
            other => panic!("no policy: {other:?}"),
        }
    }
}

/// The job as later calls name it.
pub(crate) fn ours(job_id: u32) -> OurJob {
    OurJob { job_id, key: format!("key-{job_id}") }
}

/// A job on all eight GPUs that sleeps a minute.
pub(crate) fn job(job_id: u32) -> JobSpec {
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
        deadline: None,
        reservation: None,
        whole_node: false,
        begin_at: None,
        array: None,
    }
}
