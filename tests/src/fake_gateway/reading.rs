//! Reading the simulated slurmctld and slurmdbd.

use std::collections::BTreeMap;

use slurm_wire::{AccountUsage, Answer, Cursor, JobRow, JobState, Refusal, RefusalCode};

use super::bounds::{numbered, refusal};
use super::job::{Job, Phase};
use super::machine::Machine;

/// Slurm's default MinJobAge: how long slurmctld remembers an ended job.
const REMEMBERED_S: i64 = 300;

/// Most job ids in one question for records.
const MOST_RECORDS: usize = 1_000;

/// What Slurm adds use up by.
const HOUR_S: i64 = 3_600;

/// Slurm's number for a job that it does not know.
const INVALID_JOB_ID: i32 = 2017;

impl Machine {
    pub(crate) fn read_jobs(&self, job_ids: &[u32]) -> Result<Vec<JobRow>, Refusal> {
        if self.plan.explicit_ids {
            job_ids.iter().try_for_each(|job_id| self.plan.bounds.check_job_id(*job_id))?;
        }
        let asked = |job: &&Job| match job_ids {
            [] => job.is_ours() || self.plan.bounds.job_ids.contains(&job.spec.job_id),
            some => some.contains(&job.spec.job_id),
        };
        Ok(self.remembered_jobs().filter(asked).map(Job::row).collect())
    }

    pub(crate) fn read_records(&self, job_ids: &[u32]) -> Result<Answer, Refusal> {
        if job_ids.len() > MOST_RECORDS {
            let sentence = format!("ask for at most {MOST_RECORDS} jobs at once");
            return Err(refusal(RefusalCode::MalformedCall, &sentence));
        }
        let jobs = self.jobs.iter().filter(|job| job_ids.contains(&job.spec.job_id));
        Ok(Answer::Records(jobs.map(|job| job.record(&self.plan.cluster)).collect()))
    }

    /// Every run on the cluster that made way within these seconds.
    pub(crate) fn read_preempted(&self, from: i64, until: i64) -> Result<Answer, Refusal> {
        if until <= from {
            let sentence = "the second after the last comes after the first";
            return Err(refusal(RefusalCode::MalformedCall, sentence));
        }
        let made_way = |job: &&Job| {
            let ended_at = job.times().1;
            job.state() == JobState::Preempted
                && ended_at.is_some_and(|ended_at| (from..until).contains(&ended_at))
        };
        let jobs = self.jobs.iter().filter(made_way);
        Ok(Answer::Records(jobs.map(|job| job.record(&self.plan.cluster)).collect()))
    }

    /// What has changed of the broker's jobs since a cursor.
    pub(crate) fn watch_jobs(&mut self, since: Option<Cursor>) -> Answer {
        let ids = &self.plan.bounds.job_ids;
        let own = |job: &&Job| job.is_ours() || ids.contains(&job.spec.job_id);
        let rows = self.remembered_jobs().filter(own).map(Job::row).collect();
        Answer::Changes(self.followed.changes(rows, since))
    }

    /// Slurm's own sums by account, those of the accounts below included: whole hours.
    pub(crate) fn read_usage(&self, from: i64, until: i64) -> Result<Answer, Refusal> {
        if until <= from || from % HOUR_S != 0 || until % HOUR_S != 0 {
            let sentence = format!("from {from} until {until}: Slurm adds up whole hours only");
            return Err(refusal(RefusalCode::MalformedCall, &sentence));
        }
        // An hour that is not over has not been added up.
        let until = until.min(self.now - self.now % HOUR_S);
        let sum_of = |account: &str| {
            let inside = |job: &&Job| self.kept.is_under(account, &job.spec.account);
            let mut tres_seconds: BTreeMap<String, u64> = BTreeMap::new();
            for job in self.jobs.iter().filter(inside) {
                let seconds = job.ran_s(from, until, self.now).unsigned_abs();
                for (name, amount) in job.tres().into_iter().filter(|_| seconds > 0) {
                    *tres_seconds.entry(name).or_default() += amount * seconds;
                }
            }
            tres_seconds
        };
        let ours = self.kept.ours(&self.plan.bounds).accounts.into_iter();
        let usage = ours.map(|row| {
            let tres_seconds = sum_of(&row.name);
            AccountUsage { account: row.name, tres_seconds }
        });
        Ok(Answer::Usage(usage.filter(|usage| !usage.tres_seconds.is_empty()).collect()))
    }

    /// Every run of the broker's that ended within these seconds.
    pub(crate) fn read_ended(&self, from: i64, until: i64) -> Result<Answer, Refusal> {
        if until <= from {
            let sentence = "the second after the last comes after the first";
            return Err(refusal(RefusalCode::MalformedCall, sentence));
        }
        let bounds = &self.plan.bounds;
        let ended = |job: &&Job| {
            let ours = bounds.job_ids.contains(&job.spec.job_id)
                || self.kept.is_under(&bounds.account_root, &job.spec.account);
            ours && job.times().1.is_some_and(|ended_at| (from..until).contains(&ended_at))
        };
        let jobs = self.jobs.iter().filter(ended);
        Ok(Answer::Records(jobs.map(|job| job.record(&self.plan.cluster)).collect()))
    }

    /// Jobs where the broker has a say that do not carry its mark.
    pub(crate) fn read_strangers(&self) -> Vec<JobRow> {
        let strangers = self.remembered_jobs().filter(|job| self.is_stranger(job));
        strangers.map(Job::row).collect()
    }

    pub(crate) fn is_stranger(&self, job: &Job) -> bool {
        let bounds = &self.plan.bounds;
        let is_here = bounds.partitions.contains(&job.spec.partition)
            || self.kept.is_under(&bounds.account_root, &job.spec.account);
        !job.is_ours() && is_here
    }

    /// Every job, ended ones too, as slurmctld would show it.
    pub(crate) fn all_jobs(&self) -> Vec<JobRow> {
        self.jobs.iter().filter(|job| !job.has_successor).map(Job::row).collect()
    }

    fn remembered_jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.iter().filter(|job| self.remembers(job))
    }

    /// Where the rows of a job are; never empty.
    pub(crate) fn known(&self, job_id: u32) -> Result<Vec<usize>, Refusal> {
        let rows = self.remembered(job_id);
        if rows.is_empty() {
            let sentence = format!("slurmctld does not know job {job_id}");
            return Err(numbered(RefusalCode::UnknownJob, INVALID_JOB_ID, &sentence));
        }
        Ok(rows)
    }

    /// Where the rows of a job are that slurmctld remembers: of an array several.
    pub(crate) fn remembered(&self, job_id: u32) -> Vec<usize> {
        let asked = |job: &Job| job.spec.job_id == job_id && self.remembers(job);
        (0..self.jobs.len()).filter(|at| asked(&self.jobs[*at])).collect()
    }

    pub(crate) fn remembers(&self, job: &Job) -> bool {
        let forgotten =
            matches!(job.phase, Phase::Over { until, .. } if until + REMEMBERED_S < self.now);
        !forgotten && !job.has_successor
    }
}
