//! Calls about the broker's own jobs.

use slurm_wire::{Answer, JobRecord, JobRow, JobSpec, Refusal, RefusalCode};

use super::{Desk, mismatch};
use crate::bounds::refusal;
use crate::frame::{Product, Submission, Task};

/// Most ids in one reading call.
const IDS_AT_ONCE: usize = 1000;

/// Longest stretch of time that records are looked for in, in seconds: a year and a day.
const LONGEST_LOOK_S: i64 = 366 * 24 * 3600;

impl Desk {
    pub(super) fn submit(&self, spec: Box<JobSpec>) -> Result<Answer, Refusal> {
        self.file.bounds.check_job(&spec)?;
        self.check_id(spec.job_id)?;
        self.check_account_of_job(&spec.account)?;
        let submission = Submission { spec: *spec, explicit_id: self.explicit_ids };
        match self.run(Task::Submit(Box::new(submission)))? {
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

    /// Jobs of the broker's that slurmctld knows; of an array, every row.
    pub(super) fn read_jobs(&self, job_ids: Vec<u32>) -> Result<Vec<JobRow>, Refusal> {
        self.check_ids(&job_ids)?;
        let own = self.file.bounds.own(self.explicit_ids);
        let task =
            if job_ids.is_empty() { Task::ReadOwnJobs(own) } else { Task::ReadJobs { job_ids } };
        let jobs = self.jobs(task)?;
        self.only_ours(jobs)
    }

    /// Where ids tell nothing, a job is the broker's by its mark and its account.
    pub(super) fn only_ours(&self, mut jobs: Vec<JobRow>) -> Result<Vec<JobRow>, Refusal> {
        if !self.explicit_ids && !jobs.is_empty() {
            let tree = self.accounts.tree(&self.dbd)?;
            let own = self.file.bounds.own(false);
            let inside = |row: &JobRow| row.account.as_deref().is_some_and(|it| tree.contains(it));
            jobs.retain(|row| own.has(row) && inside(row));
        }
        Ok(jobs)
    }

    /// Every incarnation of the named jobs.
    pub(super) fn read_records(&self, job_ids: Vec<u32>) -> Result<Answer, Refusal> {
        self.check_ids(&job_ids)?;
        let mut records = self.records(Task::ReadRecords { job_ids })?;
        if !self.explicit_ids {
            let tree = self.accounts.tree(&self.dbd)?;
            records.retain(|it| it.account.as_deref().is_some_and(|name| tree.contains(name)));
        }
        Ok(Answer::Records(records))
    }

    /// Every run of the cluster that made way for another job in a stretch of time.
    pub(super) fn read_preempted(&self, from: i64, until: i64) -> Result<Answer, Refusal> {
        check_stretch(from, until, LONGEST_LOOK_S)?;
        self.records(Task::ReadPreempted { from, until }).map(Answer::Records)
    }

    pub(super) fn records(&self, task: Task) -> Result<Vec<JobRecord>, Refusal> {
        match self.run(task)? {
            Product::Records(records) => Ok(records),
            other => Err(mismatch(&other)),
        }
    }

    /// Where Slurm chooses the ids, none says whose it is.
    pub(super) fn check_id(&self, job_id: u32) -> Result<(), Refusal> {
        if self.explicit_ids { self.file.bounds.check_job_id(job_id) } else { Ok(()) }
    }

    fn check_ids(&self, job_ids: &[u32]) -> Result<(), Refusal> {
        if job_ids.len() > IDS_AT_ONCE {
            let sentence = format!("{} ids: ask for {IDS_AT_ONCE} at once", job_ids.len());
            return Err(refusal(RefusalCode::MalformedCall, sentence));
        }
        job_ids.iter().try_for_each(|job_id| self.check_id(*job_id))
    }
}

/// Checks a stretch of time in seconds since the epoch.
pub(super) fn check_stretch(from: i64, until: i64, longest_s: i64) -> Result<(), Refusal> {
    let length_s = until.checked_sub(from).filter(|_| from >= 0);
    if length_s.is_some_and(|it| (1..=longest_s).contains(&it)) {
        return Ok(());
    }
    let sentence =
        format!("from {from} until {until} is not a stretch of 1 to {longest_s} seconds");
    Err(refusal(RefusalCode::MalformedCall, sentence))
}
