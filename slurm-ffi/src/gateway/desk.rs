//! The desk: takes a call, checks it against the bounds, has it carried out.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use slurm_wire::{Answer, Call, Refusal, RefusalCode, Welcome};

use super::accounts::Accounts;
use super::link::Link;
use super::pace::Paced;
use super::standing;
use crate::bounds::{BoundsFile, refusal};
use crate::change::Change;
use crate::frame::{Product, Task, WorkerKind};
use crate::metrics::Metrics;
use crate::session;

mod job;
mod label;
mod ours;
mod policy;
mod setting;
mod stranger;
mod watch;

use label::{label_of, name_of};

pub(super) struct Desk {
    file: BoundsFile,
    ctl: Link,
    dbd: Paced,
    accounts: Accounts,
    /// Held from counting the nodes that are set aside until more of them are.
    setting_aside: Mutex<()>,
    /// True where the broker chooses the ids of its jobs.
    explicit_ids: bool,
    /// How often the settings were looked at.
    look_count: AtomicU64,
    pub(super) metrics: Arc<Metrics>,
}

impl Desk {
    pub(super) fn new(file: BoundsFile, ctl: Link, dbd: Link, metrics: Arc<Metrics>) -> Self {
        let accounts = Accounts::under(&file.bounds.account_root);
        let explicit_ids = standing::has_explicit_ids(&file.slurm);
        let dbd = Paced::over(dbd, file.slurm.dbd_queries_per_min);
        Self {
            file,
            ctl,
            dbd,
            accounts,
            setting_aside: Mutex::default(),
            explicit_ids,
            look_count: AtomicU64::new(0),
            metrics,
        }
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
            explicit_ids: self.explicit_ids,
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

    fn carry_out(&self, call: Call) -> Result<Answer, Refusal> {
        match call {
            Call::Ping => {
                let answered = self.run(Task::Ping);
                self.metrics.controller_up.set(i64::from(answered.is_ok()));
                answered.map(|_| Answer::Pong)
            }
            Call::CheckSettings => self.setting_faults().map(Answer::Settings),
            Call::Submit(spec) => self.submit(spec),
            Call::Release(job) => self.change(job, Change::Release),
            Call::Cancel(job) => self.change(job, Change::Cancel),
            Call::Hold(job) => self.change(job, Change::Hold),
            Call::Nudge(job) => self.change(job, Change::Nudge),
            Call::Suspend(job) => self.change(job, Change::Suspend),
            Call::Resume(job) => self.change(job, Change::Resume),
            Call::Requeue(job) => self.change(job, Change::Requeue),
            Call::ChangeQos { job, qos } => {
                self.file.bounds.check_qos_of_job(&qos)?;
                self.change(job, Change::Qos(qos))
            }
            Call::SetTimeLimit { job, time_limit_min } => {
                self.file.bounds.check_time_limit(time_limit_min)?;
                self.change(job, Change::TimeLimit(time_limit_min))
            }
            Call::WatchJobs { since } => self.watch_jobs(since),
            Call::ReadEnded { from, until } => self.read_ended(from, until),
            Call::ReadUsage { from, until } => self.read_usage(from, until),
            Call::ReadJobs { job_ids } => self.read_jobs(job_ids).map(Answer::Jobs),
            Call::ReadRecords { job_ids } => self.read_records(job_ids),
            Call::ReadStrangers => self.read_strangers().map(Answer::Jobs),
            Call::CancelStranger { job_id } => self.cancel_stranger(job_id),
            Call::ReadPreempted { from, until } => self.read_preempted(from, until),
            Call::ReadAccounts => Ok(Answer::Accounts(self.accounts.tree(&self.dbd)?.accounts())),
            Call::ReadAssociations => {
                let tree = self.accounts.tree(&self.dbd)?;
                Ok(Answer::Associations(tree.associations().to_vec()))
            }
            Call::ReadPolicy => self.read_policy(),
            Call::ReadWholeCluster => self.read_whole_cluster(),
            Call::PutAccount(account) => self.put_account(account),
            Call::PutAccountLimits(wanted) => self.put_account_limits(wanted),
            Call::PutUser(wanted) => self.put_user(wanted),
            Call::RemoveUser { account, user } => self.remove_user(account, user),
            Call::PutQos(qos) => self.put_qos(qos),
            Call::PutReservation(wanted) => self.put_reservation(wanted),
            Call::RemoveReservation { name } => self.remove_reservation(name),
        }
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
