//! A gateway with a Slurm behind it that says what the test tells it to say; it decides nothing.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use slurm_wire::{
    Answer, Call, Changes, Cursor, Hello, JobRecord, JobRow, JobSpec, JobState, PROTOCOL_VERSION,
    Policy, Refusal, RefusalCode, Submitted, Welcome,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::policy;
use crate::plan::attempt::Attempt;

/// What is asked and answered; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Slurm(Arc<Mutex<Told>>);

#[derive(Default)]
struct Told {
    jobs: Vec<JobRow>,
    records: Vec<JobRecord>,
    refuse: Vec<(&'static str, RefusalCode)>,
    calls: Vec<String>,
    submitted: Vec<JobSpec>,
    policy: Policy,
}

impl Slurm {
    pub(crate) fn listen(socket: &Path) -> Self {
        let slurm = Self::default();
        let listener = UnixListener::bind(socket).unwrap();
        let told = slurm.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(told.clone().talk(stream));
            }
        });
        slurm
    }

    /// What slurmctld knows from now on.
    pub(crate) fn has_jobs(&self, jobs: Vec<JobRow>) {
        self.told(|told| told.jobs = jobs);
    }

    /// What slurmdbd knows from now on.
    pub(crate) fn has_records(&self, records: Vec<JobRecord>) {
        self.told(|told| told.records = records);
    }

    /// Calls of that name are refused from now on; `None` lets them through again.
    pub(crate) fn refuses(&self, call: &'static str, code: Option<RefusalCode>) {
        self.told(|told| {
            told.refuse.retain(|(refused, _)| *refused != call);
            told.refuse.extend(code.map(|code| (call, code)));
        });
    }

    /// How often a call was made.
    pub(crate) fn heard(&self, call: &str) -> usize {
        self.told(|told| told.calls.iter().filter(|heard| *heard == call).count())
    }

    /// What was submitted; an equal repeat is adopted.
    pub(crate) fn submitted(&self) -> Vec<JobSpec> {
        self.told(|told| told.submitted.clone())
    }

    /// The names of all calls, in order.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.told(|told| told.calls.clone())
    }

    /// What somebody with `sacctmgr` does.
    pub(crate) fn by_hand(&self, change: impl FnOnce(&mut Policy)) {
        self.told(|told| change(&mut told.policy));
    }

    /// How many calls there were that change something.
    pub(crate) fn heard_writes(&self) -> usize {
        let writes = |call: &&String| call.starts_with("put_") || call.starts_with("remove_");
        self.told(|told| told.calls.iter().filter(writes).count())
    }

    fn told<T>(&self, with: impl FnOnce(&mut Told) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn talk(self, stream: UnixStream) {
        let (read, mut out) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let Ok(Some(hello)) = lines.next_line().await else { return };
        serde_json::from_str::<Hello>(&hello).unwrap();
        let welcome = Welcome {
            version: PROTOCOL_VERSION,
            cluster: "mimer".to_owned(),
            slurm_version: "22.05.8".to_owned(),
            explicit_ids: true,
        };
        out.write_all(format!("{}\n", serde_json::json!(welcome)).as_bytes()).await.unwrap();
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = self.answer(&serde_json::from_str(&line).unwrap());
            let line = format!("{}\n", serde_json::json!(answer));
            if out.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, call: &Call) -> Answer {
        let name = serde_json::json!(call)["call"].as_str().unwrap().to_owned();
        self.told(|told| {
            told.calls.push(name.clone());
            if let Some((_, code)) = told.refuse.iter().find(|(refused, _)| *refused == name) {
                let sentence = "the test says no".to_owned();
                return Answer::Refused(Refusal { code: *code, sentence, slurm_errno: None });
            }
            match call {
                Call::Submit(spec) => {
                    let adopted = told.submitted.contains(spec);
                    if !adopted {
                        told.submitted.push((**spec).clone());
                    }
                    Answer::Submitted(Submitted { job_id: spec.job_id, adopted })
                }
                Call::ReadJobs { .. } => Answer::Jobs(told.jobs.clone()),
                Call::ReadRecords { .. } => Answer::Records(told.records.clone()),
                Call::WatchJobs { .. } => Answer::Changes(Changes {
                    cursor: Cursor { life: 1, step: 1 },
                    whole: true,
                    jobs: told.jobs.clone(),
                    gone: Vec::new(),
                }),
                Call::ReadEnded { .. } => Answer::Records(told.records.clone()),
                Call::ReadUsage { .. } => Answer::Usage(Vec::new()),
                Call::ReadPolicy => Answer::Policy(Box::new(told.policy.clone())),
                change => {
                    policy::set(&mut told.policy, change);
                    Answer::Done
                }
            }
        })
    }
}

/// The attempt's job as slurmctld would show it in that state.
pub(crate) fn job_row(attempt: &Attempt, state: JobState) -> JobRow {
    JobRow {
        job_id: attempt.spec.job_id,
        admin_comment: Some(attempt.spec.key.clone()),
        state,
        state_reason: None,
        held: false,
        completing: false,
        uid: attempt.spec.uid,
        account: Some(attempt.spec.account.clone()),
        partition: Some(attempt.spec.partition.clone()),
        submitted_at: Some(1_814_400_000),
        started_at: (state != JobState::Pending).then_some(1_814_400_000),
        ended_at: None,
        restart_count: 0,
        exit_code: None,
        gpus: vec![("node1".to_owned(), 0), ("node1".to_owned(), 1)],
        tres_alloc: None,
        mcs_label: None,
        time_limit_min: None,
        array_job_id: None,
        array_task_id: None,
    }
}

/// The attempt's record in slurmdbd: 60 seconds on two GPUs.
pub(crate) fn record_of(attempt: &Attempt, state: JobState) -> JobRecord {
    JobRecord {
        db_index: u64::from(attempt.spec.job_id),
        job_id: attempt.spec.job_id,
        cluster: "mimer".to_owned(),
        admin_comment: Some(attempt.spec.key.clone()),
        account: Some(attempt.spec.account.clone()),
        partition: Some(attempt.spec.partition.clone()),
        user: None,
        state,
        submitted_at: Some(1_814_400_000),
        started_at: Some(1_814_400_000),
        ended_at: Some(1_814_400_060),
        suspended_s: 0,
        tres: [("gres/gpu".to_owned(), 2)].into(),
        nodes: None,
        exit_code: Some(0),
        array_job_id: None,
        array_task_id: None,
    }
}
