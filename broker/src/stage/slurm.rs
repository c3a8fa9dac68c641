//! A gateway with a Slurm behind it that says what the test tells it to say; it decides nothing.

use std::collections::VecDeque;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use slurm_wire::{
    AccountUsage, Answer, Call, Changes, Cursor, Hello, JobRecord, JobRow, JobState,
    PROTOCOL_VERSION, Policy, Refusal, RefusalCode, Submitted, Welcome,
};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::policy;
use crate::plan::attempt::Attempt;

/// What is asked and answered; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Slurm(Arc<Mutex<Told>>);

/// Something that happens while a call is on its way.
type Meanwhile = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct Told {
    jobs: Vec<JobRow>,
    records: Vec<JobRecord>,
    strangers: Vec<JobRow>,
    usage: Vec<AccountUsage>,
    refuse: Vec<(&'static str, RefusalCode)>,
    calls: Vec<String>,
    submitted: Vec<slurm_wire::JobSpec>,
    during: Vec<(&'static str, Meanwhile)>,
    policy: Policy,
    /// Answers to those who follow; without it, each is told everything.
    changes: Option<VecDeque<Changes>>,
    /// Where those who follow said that they stand.
    followed_from: Vec<Option<Cursor>>,
    /// Of records, only those that ended in the stretch that was asked for are told.
    ends_by_time: bool,
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

    /// Jobs without our mark that slurmctld knows from now on.
    pub(crate) fn has_strangers(&self, strangers: Vec<JobRow>) {
        self.told(|told| told.strangers = strangers);
    }

    /// What slurmdbd has added up: GPU-seconds by account.
    pub(crate) fn has_added_up(&self, usage: &[(&str, u64)]) {
        let row = |(account, gpu_seconds): &(&str, u64)| AccountUsage {
            account: (*account).to_owned(),
            tres_seconds: [("gres/gpu".to_owned(), *gpu_seconds)].into(),
        };
        self.told(|told| told.usage = usage.iter().map(row).collect());
    }

    /// Calls of that name are refused from now on; `None` lets them through again.
    pub(crate) fn refuses(&self, call: &'static str, code: Option<RefusalCode>) {
        self.told(|told| {
            told.refuse.retain(|(refused, _)| *refused != call);
            told.refuse.extend(code.map(|code| (call, code)));
        });
    }

    /// Who follows is told this next, and nothing new after it.
    pub(crate) fn tells_next(&self, changes: Changes) {
        self.told(|told| told.changes.get_or_insert_default().push_back(changes));
    }

    /// Where those who follow said that they stand, question by question.
    pub(crate) fn followed_from(&self) -> Vec<Option<Cursor>> {
        self.told(|told| told.followed_from.clone())
    }

    /// From now on a question for a stretch of time is answered with what ended in it, not with all.
    pub(crate) fn ends_by_time(&self) {
        self.told(|told| told.ends_by_time = true);
    }

    /// The next call of that name is answered only after this has happened.
    pub(crate) fn during(
        &self,
        call: &'static str,
        happens: impl Future<Output = ()> + Send + 'static,
    ) {
        self.told(|told| told.during.push((call, Box::pin(happens))));
    }

    /// How often a call was made.
    pub(crate) fn heard(&self, call: &str) -> usize {
        self.told(|told| told.calls.iter().filter(|heard| *heard == call).count())
    }

    /// What was submitted; an equal repeat is adopted.
    pub(crate) fn submitted(&self) -> Vec<slurm_wire::JobSpec> {
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
            let call: Call = serde_json::from_str(&line).unwrap();
            if let Some(happens) = self.meanwhile(&call) {
                happens.await;
            }
            let answer = self.answer(&call);
            let line = format!("{}\n", serde_json::json!(answer));
            if out.write_all(line.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn meanwhile(&self, call: &Call) -> Option<Meanwhile> {
        let name = name_of(call);
        self.told(|told| {
            let at = told.during.iter().position(|(during, _)| *during == name)?;
            Some(told.during.remove(at).1)
        })
    }

    fn answer(&self, call: &Call) -> Answer {
        let name = name_of(call);
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
                Call::ReadJobs { job_ids } => {
                    let asked =
                        |job: &&JobRow| job_ids.is_empty() || job_ids.contains(&job.asked_id());
                    Answer::Jobs(told.jobs.iter().filter(asked).cloned().collect())
                }
                Call::ReadRecords { job_ids } => {
                    let asked = |record: &&JobRecord| job_ids.contains(&record.asked_id());
                    Answer::Records(told.records.iter().filter(asked).cloned().collect())
                }
                Call::WatchJobs { since } => Answer::Changes(told.follow(*since)),
                Call::ReadEnded { from, until } => Answer::Records(told.ended(*from, *until)),
                Call::ReadStrangers => Answer::Jobs(told.strangers.clone()),
                Call::ReadUsage { .. } => Answer::Usage(told.usage.clone()),
                Call::ReadPolicy => Answer::Policy(Box::new(told.policy.clone())),
                change => {
                    policy::set(&mut told.policy, change);
                    Answer::Done
                }
            }
        })
    }
}

fn name_of(call: &Call) -> String {
    serde_json::json!(call)["call"].as_str().unwrap().to_owned()
}

impl Told {
    fn follow(&mut self, since: Option<Cursor>) -> Changes {
        self.followed_from.push(since);
        let everything = || Changes {
            cursor: Cursor { life: 1, step: 1 },
            whole: true,
            jobs: self.jobs.clone(),
            gone: Vec::new(),
        };
        let Some(changes) = &mut self.changes else { return everything() };
        changes.pop_front().unwrap_or(Changes {
            cursor: since.unwrap_or(Cursor { life: 1, step: 0 }),
            whole: false,
            jobs: Vec::new(),
            gone: Vec::new(),
        })
    }

    fn ended(&self, from: i64, until: i64) -> Vec<JobRecord> {
        let ended = |record: &&JobRecord| {
            let Some(ended_at) = record.ended_at.filter(|_| record.state.is_over()) else {
                return false;
            };
            !self.ends_by_time || (from..until).contains(&ended_at)
        };
        self.records.iter().filter(ended).cloned().collect()
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

/// The record of one run of job 7 that is nobody's attempt, from second to second.
pub(crate) fn run_record(
    db_index: u64,
    state: JobState,
    (from, until): (i64, Option<i64>),
) -> JobRecord {
    JobRecord {
        db_index,
        job_id: 7,
        cluster: "c".to_owned(),
        admin_comment: None,
        account: None,
        partition: None,
        user: None,
        state,
        submitted_at: Some(from - 1),
        started_at: Some(from),
        ended_at: until,
        suspended_s: 0,
        tres: [].into(),
        nodes: None,
        exit_code: None,
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
