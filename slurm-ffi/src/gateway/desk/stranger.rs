//! Calls about jobs that were submitted past the broker.

use slurm_wire::{Answer, JobRow, Refusal, RefusalCode};

use super::{Desk, mismatch};
use crate::bounds::refusal;
use crate::frame::{Product, Task};

impl Desk {
    /// Jobs where the broker has a say, without its mark.
    pub(super) fn read_strangers(&self) -> Result<Vec<JobRow>, Refusal> {
        let tree = self.accounts.tree(&self.dbd)?;
        let bounds = &self.file.bounds;
        let task =
            Task::ReadJobsAt { partitions: bounds.partitions.clone(), accounts: tree.names() };
        let mut jobs = self.jobs(task)?;
        jobs.retain(|row| bounds.is_stranger(row, &tree));
        Ok(jobs)
    }

    /// Cancels such a job, after looking that it is one.
    pub(super) fn cancel_stranger(&self, job_id: u32) -> Result<Answer, Refusal> {
        let row = self.jobs(Task::ReadJobs { job_ids: vec![job_id] })?.into_iter().next();
        let row = row.ok_or_else(|| {
            refusal(RefusalCode::UnknownJob, format!("slurmctld does not know job {job_id}"))
        })?;
        let tree = self.accounts.tree(&self.dbd)?;
        self.file.bounds.check_stranger(&row, &tree)?;
        self.run(Task::CancelStranger { job_id })?;
        tracing::warn!(
            job.id = job_id,
            job.uid = row.uid,
            account = row.account,
            partition = row.partition,
            "a job past the broker was cancelled"
        );
        Ok(Answer::Done)
    }

    pub(super) fn jobs(&self, task: Task) -> Result<Vec<JobRow>, Refusal> {
        match self.run(task)? {
            Product::Jobs(jobs) => Ok(jobs),
            other => Err(mismatch(&other)),
        }
    }
}
