//! The desk: takes a call, checks it against the bounds, has it carried out.

use std::sync::Arc;
use std::time::Instant;

use slurm_wire::{Answer, Call, JobRow, JobSpec, Refusal, RefusalCode, SettingFault, Welcome};

use super::accounts::Accounts;
use super::link::Link;
use crate::bounds::{BoundsFile, refusal};
use crate::frame::{Product, Task, WorkerKind};
use crate::metrics::Metrics;
use crate::needs::{self, Expectation};
use crate::session;

/// Most ids in one reading call.
const IDS_AT_ONCE: usize = 1000;

pub(super) struct Desk {
    file: BoundsFile,
    ctl: Link,
    dbd: Link,
    accounts: Accounts,
    pub(super) metrics: Arc<Metrics>,
}

impl Desk {
    pub(super) fn new(file: BoundsFile, ctl: Link, dbd: Link, metrics: Arc<Metrics>) -> Self {
        let accounts = Accounts::under(&file.bounds.account_root);
        Self { file, ctl, dbd, accounts, metrics }
    }

    pub(super) fn may_call(&self, uid: u32) -> bool {
        self.file.callers.contains(&uid)
    }

    pub(super) fn max_connections(&self) -> i64 {
        i64::from(self.file.max_connections)
    }

    pub(super) fn welcome(&self) -> Welcome {
        Welcome {
            version: slurm_wire::PROTOCOL_VERSION,
            cluster: self.file.slurm.cluster.clone(),
            slurm_version: session::release(),
        }
    }

    /// Answers one call and counts it.
    pub(super) fn answer(&self, call: Call) -> Answer {
        let begun = Instant::now();
        let name = name_of(&call);
        let answer = self.carry_out(call).unwrap_or_else(Answer::Refused);
        if let Answer::Refused(refusal) = &answer {
            if refusal.code.retry_helps() {
                tracing::info!(call = name, reason = %refusal, "a call could not be carried out");
            } else {
                tracing::warn!(call = name, reason = %refusal, "a call was refused");
            }
        }
        self.metrics.calls.with_label_values(&[name, &label_of(&answer)]).inc();
        self.metrics.call_seconds.with_label_values(&[name]).observe(begun.elapsed().as_secs_f64());
        answer
    }

    /// For the log at start: an operator sees every fault without asking.
    pub(super) fn log_setting_faults(&self) {
        match self.setting_faults() {
            Ok(faults) if faults.is_empty() => tracing::info!("Slurm's settings are as needed"),
            Ok(faults) => {
                for fault in faults {
                    tracing::error!(
                        fault.setting,
                        fault.expected,
                        fault.actual,
                        fault.feature,
                        "{}",
                        fault.sentence
                    );
                }
            }
            Err(refusal) => {
                tracing::error!(reason = %refusal, "Slurm's settings could not be checked");
            }
        }
    }

    fn carry_out(&self, call: Call) -> Result<Answer, Refusal> {
        match call {
            Call::Ping => {
                let answered = self.run(Task::Ping);
                self.metrics.controller_up.set(i64::from(answered.is_ok()));
                answered.map(|_| Answer::Pong)
            }
            Call::CheckSettings => self.setting_faults().map(Answer::Settings),
            Call::Submit(spec) => self.submit(spec),
            Call::Release { job_id } => {
                self.check_ours(job_id)?;
                self.run(Task::Release { job_id }).map(|_| Answer::Done)
            }
            Call::Cancel { job_id } => {
                self.check_ours(job_id)?;
                self.run(Task::Cancel { job_id }).map(|_| Answer::Done)
            }
            Call::ReadJobs { job_ids } => self.read_jobs(job_ids).map(Answer::Jobs),
            Call::ReadRecords { job_ids } => {
                self.check_ids(&job_ids)?;
                match self.run(Task::ReadRecords { job_ids })? {
                    Product::Records(records) => Ok(Answer::Records(records)),
                    other => Err(mismatch(&other)),
                }
            }
            Call::ReadAccounts => Ok(Answer::Accounts(self.accounts.tree(&self.dbd)?.accounts())),
            Call::ReadAssociations => {
                let tree = self.accounts.tree(&self.dbd)?;
                Ok(Answer::Associations(tree.associations().to_vec()))
            }
        }
    }

    fn submit(&self, spec: Box<JobSpec>) -> Result<Answer, Refusal> {
        self.file.bounds.check_job(&spec)?;
        self.accounts.tree_with(&spec.account, &self.dbd)?;
        match self.run(Task::Submit(spec))? {
            Product::Submitted(submitted) => {
                tracing::info!(
                    job.id = submitted.job_id,
                    job.adopted = submitted.adopted,
                    "a job was submitted"
                );
                Ok(Answer::Submitted(submitted))
            }
            other => Err(mismatch(&other)),
        }
    }

    fn read_jobs(&self, job_ids: Vec<u32>) -> Result<Vec<JobRow>, Refusal> {
        self.check_ids(&job_ids)?;
        let bounds = &self.file.bounds;
        let task = if job_ids.is_empty() {
            Task::ReadJobRange { first: bounds.job_id_min, last: bounds.job_id_max }
        } else {
            Task::ReadJobs { job_ids }
        };
        match self.run(task)? {
            Product::Jobs(jobs) => Ok(jobs),
            other => Err(mismatch(&other)),
        }
    }

    fn setting_faults(&self) -> Result<Vec<SettingFault>, Refusal> {
        let settings = match self.run(Task::ReadSettings)? {
            Product::Settings(settings) => settings,
            other => return Err(mismatch(&other)),
        };
        let database = match self.run(Task::ReadDatabaseSettings) {
            Ok(Product::DatabaseSettings(text)) => Ok(text),
            Ok(other) => return Err(mismatch(&other)),
            Err(refusal) => Err(refusal.sentence),
        };
        let expected = Expectation {
            cluster: self.file.slurm.cluster.clone(),
            release: session::release(),
            last_job_id: self.file.bounds.job_id_max,
            needs: self.file.slurm.needs.clone(),
        };
        let faults = needs::faults(&settings, &database, &expected);
        self.metrics.setting_faults.set(i64::try_from(faults.len()).unwrap_or(i64::MAX));
        Ok(faults)
    }

    /// A job may be changed if its id, its mark and its account are the broker's.
    fn check_ours(&self, job_id: u32) -> Result<(), Refusal> {
        let row = self.read_jobs(vec![job_id])?.into_iter().next().ok_or_else(|| {
            let sentence =
                format!("slurmctld does not know job {job_id}; ask slurmdbd for its records");
            refusal(RefusalCode::UnknownJob, sentence)
        })?;
        // The mark first: a stranger's account is not worth a question to slurmdbd.
        let account = row.account.clone().unwrap_or_default();
        let tree = match self.accounts.tree_with(&account, &self.dbd) {
            Err(refusal) if refusal.code == RefusalCode::ForeignAccount => {
                Arc::default() // `check_ownership` then says that the job is not ours.
            }
            outcome => outcome?,
        };
        self.file.bounds.check_ownership(&row, &tree)
    }

    fn check_ids(&self, job_ids: &[u32]) -> Result<(), Refusal> {
        if job_ids.len() > IDS_AT_ONCE {
            let sentence = format!("{} ids: ask for {IDS_AT_ONCE} at once", job_ids.len());
            return Err(refusal(RefusalCode::MalformedCall, sentence));
        }
        job_ids.iter().try_for_each(|job_id| self.file.bounds.check_job_id(*job_id))
    }

    fn run(&self, task: Task) -> Result<Product, Refusal> {
        match task.worker() {
            WorkerKind::Ctl => self.ctl.call(task),
            WorkerKind::Dbd => self.dbd.call(task),
        }
    }
}

/// A worker answered another question than was asked: a fault of the gateway's.
pub(super) fn mismatch(product: &Product) -> Refusal {
    tracing::error!(product = ?product, "a worker answered another question than was asked");
    refusal(RefusalCode::WorkerReplaced, "the gateway mixed up its answers; send the call again")
}

const fn name_of(call: &Call) -> &'static str {
    match call {
        Call::Ping => "ping",
        Call::CheckSettings => "check_settings",
        Call::Submit(_) => "submit",
        Call::Release { .. } => "release",
        Call::Cancel { .. } => "cancel",
        Call::ReadJobs { .. } => "read_jobs",
        Call::ReadRecords { .. } => "read_records",
        Call::ReadAccounts => "read_accounts",
        Call::ReadAssociations => "read_associations",
    }
}

/// The refusal's code as it stands in the protocol, or `done`.
fn label_of(answer: &Answer) -> String {
    let Answer::Refused(refusal) = answer else {
        return "done".to_owned();
    };
    match serde_json::to_value(refusal.code) {
        Ok(serde_json::Value::String(code)) => code,
        _ => "refused".to_owned(),
    }
}
