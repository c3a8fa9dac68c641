//! The seat that talks to slurmctld.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use slurm_wire::{JobRow, Refusal, RefusalCode, Submitted};

use super::breaker::Breaker;
use super::mirror::Mirror;
use crate::bounds::refusal;
use crate::error::SlurmError;
use crate::frame::{Outcome, Product, Submission, Task};
use crate::handle::Seat;
use crate::ours::{self, Look};
use crate::session::Session;
use crate::submit::SubmitError;
use crate::{change, job, probe, reservation, settings, submit};

/// Up to so many jobs are asked for one by one; above that, all at once is cheaper.
const ONE_BY_ONE: usize = 16;

/// What the threads of the worker have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    breaker: Breaker,
    mirror: Mirror,
    /// Held from looking for a key until a job with it has been submitted.
    submitting: Mutex<()>,
}

pub(super) struct ControllerSeat {
    session: Session,
    shared: Arc<Shared>,
}

impl ControllerSeat {
    pub(super) fn new(session: Session, shared: Arc<Shared>) -> Self {
        Self { session, shared }
    }

    fn call(&self, task: Task) -> Outcome {
        let refused = |error: SlurmError| error.controller_refusal();
        let done =
            |outcome: Result<(), SlurmError>| outcome.map(|()| Product::Nothing).map_err(refused);
        match task {
            Task::Ping => done(change::ping(self.session)),
            Task::ReadSettings => settings::load(self.session)
                .map(|settings| Product::Settings(Box::new(settings)))
                .map_err(refused),
            Task::Submit(submission) => {
                self.submit(&submission).map(Product::Submitted).map_err(|error| error.refusal())
            }
            Task::Change { job, accounts, change } => {
                match ours::look(self.session, &job, &accounts).map_err(|error| error.refusal())? {
                    Look::Elsewhere(account) => Ok(Product::Elsewhere { account }),
                    Look::Ours(rows) => done(change::make(self.session, &job, &rows, &change)),
                }
            }
            Task::CancelStranger { job_id } => done(change::cancel(self.session, job_id)),
            Task::ReadJobs { job_ids } => self.jobs(&job_ids).map(Product::Jobs).map_err(refused),
            Task::ReadOwnJobs(own) => job::load_jobs(self.session)
                .map(|jobs| Product::Jobs(kept(jobs, |row| own.has(row))))
                .map_err(refused),
            Task::WatchJobs { since, own } => self
                .shared
                .mirror
                .changes(self.session, since, own)
                .map(Product::Changes)
                .map_err(refused),
            Task::ReadJobsAt { partitions, accounts } => job::load_jobs(self.session)
                .map(|jobs| Product::Jobs(at(jobs, &partitions, &accounts)))
                .map_err(refused),
            Task::ReadReservations => {
                reservation::load(self.session).map(Product::Reservations).map_err(refused)
            }
            Task::PutReservation(wanted) => done(reservation::put(self.session, &wanted, now_s())),
            Task::RemoveReservation { name } => done(reservation::remove(self.session, &name)),
            Task::Probe(doors) => Ok(Product::Probed(probe::send(&doors))),
            Task::ReadDatabaseSettings
            | Task::ReadRecords { .. }
            | Task::ReadAssociations
            | Task::ReadCluster
            | Task::ReadPreempted { .. }
            | Task::ReadEnded { .. }
            | Task::ReadUsage { .. }
            | Task::PutAccount { .. }
            | Task::PutAccountLimits(_)
            | Task::PutUser(_)
            | Task::RemoveUser { .. }
            | Task::PutQos(_) => Err(misdirected()),
        }
    }

    fn jobs(&self, job_ids: &[u32]) -> Result<Vec<JobRow>, SlurmError> {
        if job_ids.len() > ONE_BY_ONE {
            let asked: BTreeSet<u32> = job_ids.iter().copied().collect();
            let jobs = job::load_jobs(self.session)?;
            return Ok(kept(jobs, |row| asked.contains(&row.asked_id())));
        }
        let loaded: Result<Vec<_>, _> =
            job_ids.iter().map(|job_id| job::load_asked(self.session, *job_id)).collect();
        Ok(loaded?.into_iter().flatten().collect())
    }

    fn submit(&self, submission: &Submission) -> Result<Submitted, SubmitError> {
        if submission.explicit_id {
            return submit::submit(self.session, submission);
        }
        let _alone = self.shared.submitting.lock().unwrap_or_else(PoisonError::into_inner);
        submit::keyed::submit(self.session, submission, || job::load_jobs(self.session))
    }
}

impl Seat for ControllerSeat {
    fn carry_out(&mut self, task: Task) -> Outcome {
        // Neither says how a call to slurmctld by this process would end.
        let tells_nothing = matches!(task, Task::Ping | Task::Probe(_));
        if !tells_nothing && self.shared.breaker.is_in_charge(Instant::now()) {
            change::ping(self.session).map_err(|error| error.controller_refusal())?;
        }
        let outcome = self.call(task);
        let silent =
            outcome.as_ref().is_err_and(|it| it.code == RefusalCode::ControllerUnavailable);
        if !tells_nothing {
            self.shared.breaker.note(!silent, Instant::now());
        }
        outcome
    }
}

fn kept(mut jobs: Vec<JobRow>, wanted: impl Fn(&JobRow) -> bool) -> Vec<JobRow> {
    jobs.retain(wanted);
    jobs
}

/// Jobs that may run on one of the partitions or are charged to one of the accounts.
fn at(mut jobs: Vec<JobRow>, partitions: &[String], accounts: &[String]) -> Vec<JobRow> {
    let partitions: BTreeSet<&str> = partitions.iter().map(String::as_str).collect();
    // Slurm compares account names without case.
    let accounts: BTreeSet<String> = accounts.iter().map(|it| it.to_lowercase()).collect();
    jobs.retain(|job| {
        let asked = job.partition.as_deref().unwrap_or_default();
        let account = job.account.as_deref().unwrap_or_default().to_lowercase();
        asked.split(',').any(|it| partitions.contains(it)) || accounts.contains(&account)
    });
    jobs
}

/// Seconds since the epoch.
fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A task for the other worker: a fault of the supervisor's.
pub(super) fn misdirected() -> Refusal {
    refusal(RefusalCode::MalformedCall, "the call went to the wrong worker: a fault of the gateway")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn job(job_id: u32, partition: &str, account: &str) -> JobRow {
        let (partition, account) = (Some(partition.to_owned()), Some(account.to_owned()));
        JobRow { job_id, partition, account, ..example::row() }
    }

    #[test]
    fn a_job_is_found_by_any_of_its_partitions_and_by_its_account_in_any_case() {
        let jobs = vec![
            job(1, "research", "physics"),
            job(2, "research,gpu", "physics"),
            job(3, "research", "PUB_Demo"),
            job(4, "gpu2", "pub_demo2"),
        ];
        let found = at(jobs, &["gpu".to_owned()], &["pub_demo".to_owned()]);
        assert_eq!(found.iter().map(|job| job.job_id).collect::<Vec<_>>(), [2, 3]);
    }
}
