//! Calls about the broker's own jobs.

use slurm_wire::{Answer, JobRow, JobSpec, Refusal, RefusalCode};

use super::{Desk, mismatch};
use crate::bounds::refusal;
use crate::frame::{Product, Task};

/// Most ids in one reading call.
const IDS_AT_ONCE: usize = 1000;

/// Longest stretch of time that records are looked for in, in seconds: a year and a day.
const LONGEST_LOOK_S: i64 = 366 * 24 * 3600;

impl Desk {
    pub(super) fn submit(&self, spec: Box<JobSpec>) -> Result<Answer, Refusal> {
        self.file.bounds.check_job(&spec)?;
        self.check_account_of_job(&spec.account)?;
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

    /// An account that is nowhere may be on its way: the broker makes its accounts itself.
    fn check_account_of_job(&self, account: &str) -> Result<(), Refusal> {
        let foreign = match self.accounts.tree_with(account, &self.dbd) {
            Err(refusal) if refusal.code == RefusalCode::ForeignAccount => refusal,
            outcome => return outcome.map(drop),
        };
        if self.accounts.tree(&self.dbd)?.is_elsewhere(account) {
            return Err(foreign);
        }
        let sentence = format!("Slurm has no account {account:?} yet");
        Err(refusal(RefusalCode::NotKnownToSlurmYet, sentence))
    }

    pub(super) fn read_jobs(&self, job_ids: Vec<u32>) -> Result<Vec<JobRow>, Refusal> {
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

    /// Every incarnation of the named jobs.
    pub(super) fn read_records(&self, job_ids: Vec<u32>) -> Result<Answer, Refusal> {
        self.check_ids(&job_ids)?;
        match self.run(Task::ReadRecords { job_ids })? {
            Product::Records(records) => Ok(Answer::Records(records)),
            other => Err(mismatch(&other)),
        }
    }

    /// Every run of the cluster that made way for another job in a stretch of time.
    pub(super) fn read_preempted(&self, from: i64, until: i64) -> Result<Answer, Refusal> {
        let length_s = until.checked_sub(from).filter(|_| from >= 0);
        if !length_s.is_some_and(|it| (1..=LONGEST_LOOK_S).contains(&it)) {
            let sentence = format!(
                "from {from} until {until} is not a stretch of 1 to {LONGEST_LOOK_S} seconds"
            );
            return Err(refusal(RefusalCode::MalformedCall, sentence));
        }
        match self.run(Task::ReadPreempted { from, until })? {
            Product::Records(records) => Ok(Answer::Records(records)),
            other => Err(mismatch(&other)),
        }
    }

    fn check_ids(&self, job_ids: &[u32]) -> Result<(), Refusal> {
        if job_ids.len() > IDS_AT_ONCE {
            let sentence = format!("{} ids: ask for {IDS_AT_ONCE} at once", job_ids.len());
            return Err(refusal(RefusalCode::MalformedCall, sentence));
        }
        job_ids.iter().try_for_each(|job_id| self.file.bounds.check_job_id(*job_id))
    }
}
