//! The seat that talks to slurmctld.

use std::sync::Arc;
use std::time::Instant;

use slurm_wire::{JobRow, Refusal, RefusalCode};

use super::Breaker;
use crate::bounds::refusal;
use crate::error::SlurmError;
use crate::frame::{Outcome, Product, Task};
use crate::handle::Seat;
use crate::session::Session;
use crate::{change, job, settings, submit};

/// Up to so many jobs are asked for one by one; above that, all at once is cheaper.
const ONE_BY_ONE: usize = 16;

pub(super) struct ControllerSeat {
    session: Session,
    breaker: Arc<Breaker>,
}

impl ControllerSeat {
    pub(super) fn new(session: Session, breaker: Arc<Breaker>) -> Self {
        Self { session, breaker }
    }

    fn call(&self, task: Task) -> Outcome {
        let refused = |error: SlurmError| error.controller_refusal();
        match task {
            Task::Ping => change::ping(self.session).map(|()| Product::Nothing).map_err(refused),
            Task::ReadSettings => settings::load(self.session)
                .map(|settings| Product::Settings(Box::new(settings)))
                .map_err(refused),
            Task::Submit(spec) => submit::submit(self.session, &spec)
                .map(Product::Submitted)
                .map_err(|error| error.refusal()),
            Task::Release { job_id } => {
                change::release(self.session, job_id).map(|()| Product::Nothing).map_err(refused)
            }
            Task::Cancel { job_id } => {
                change::cancel(self.session, job_id).map(|()| Product::Nothing).map_err(refused)
            }
            Task::ReadJobs { job_ids } => self.jobs(&job_ids).map(Product::Jobs).map_err(refused),
            Task::ReadJobRange { first, last } => job::load_jobs(self.session)
                .map(|jobs| Product::Jobs(within(jobs, |id| (first..=last).contains(&id))))
                .map_err(refused),
            Task::ReadDatabaseSettings | Task::ReadRecords { .. } | Task::ReadAssociations => {
                Err(misdirected())
            }
        }
    }

    fn jobs(&self, job_ids: &[u32]) -> Result<Vec<JobRow>, SlurmError> {
        if job_ids.len() > ONE_BY_ONE {
            let jobs = job::load_jobs(self.session)?;
            return Ok(within(jobs, |id| job_ids.contains(&id)));
        }
        let loaded: Result<Vec<_>, _> =
            job_ids.iter().map(|job_id| job::load_job(self.session, *job_id)).collect();
        Ok(loaded?.into_iter().flatten().collect())
    }
}

impl Seat for ControllerSeat {
    fn carry_out(&mut self, task: Task) -> Outcome {
        let is_ping = task == Task::Ping;
        if !is_ping && self.breaker.is_in_charge(Instant::now()) {
            change::ping(self.session).map_err(|error| error.controller_refusal())?;
        }
        let outcome = self.call(task);
        let silent =
            outcome.as_ref().is_err_and(|it| it.code == RefusalCode::ControllerUnavailable);
        if !is_ping {
            self.breaker.note(!silent, Instant::now());
        }
        outcome
    }
}

fn within(mut jobs: Vec<JobRow>, wanted: impl Fn(u32) -> bool) -> Vec<JobRow> {
    jobs.retain(|job| wanted(job.job_id));
    jobs
}

/// A task for the other worker: a fault of the supervisor's.
pub(super) fn misdirected() -> Refusal {
    refusal(RefusalCode::MalformedCall, "the call went to the wrong worker: a fault of the gateway")
}
