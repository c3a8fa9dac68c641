//! Changes to jobs of the broker's: each for all rows of an array that can have it.

use slurm_wire::{Answer, JobState, OurJob, Refusal, RefusalCode};

use super::bounds::{numbered, refusal};
use super::job::{Job, Phase};
use super::machine::Machine;

/// Slurm's numbers for a job that is past what is asked of it.
const ALREADY_DONE: i32 = 2021;
const JOB_NOT_PENDING: i32 = 2073;
const DISABLED: i32 = 2042;

impl Machine {
    pub(crate) fn release(&mut self, job: &OurJob) -> Result<Answer, Refusal> {
        for at in self.ours(job)? {
            if self.jobs[at].phase == Phase::Held {
                self.jobs[at].phase = Phase::Waiting { reason: "Priority" };
            }
        }
        self.look();
        Ok(Answer::Done)
    }

    pub(crate) fn hold(&mut self, job: &OurJob) -> Result<Answer, Refusal> {
        let rows = self.ours(job)?;
        if !rows.iter().any(|at| self.jobs[*at].state() == JobState::Pending) {
            return Err(refused(JOB_NOT_PENDING, "Job is no longer pending execution"));
        }
        for at in rows {
            if self.jobs[at].is_waiting() {
                self.jobs[at].phase = Phase::Held;
            }
        }
        Ok(Answer::Done)
    }

    pub(crate) fn cancel(&mut self, job: &OurJob) -> Result<Answer, Refusal> {
        for at in self.ours(job)? {
            if !self.jobs[at].is_over() {
                self.end(at, JobState::Cancelled);
            }
        }
        self.look();
        Ok(Answer::Done)
    }

    pub(crate) fn change_qos(&mut self, job: &OurJob, qos: &str) -> Result<Answer, Refusal> {
        let mut rows = self.ours(job)?;
        if !qos.starts_with(&self.plan.bounds.qos_prefix) {
            let sentence = format!("{qos:?} is not one of the broker's QOS");
            return Err(refusal(RefusalCode::ForeignQos, &sentence));
        }
        if !self.kept.qos.contains_key(qos) {
            let sentence = format!("Slurm has no QOS {qos:?} yet");
            return Err(refusal(RefusalCode::NotKnownToSlurmYet, &sentence));
        }
        rows.retain(|at| !self.jobs[*at].is_over());
        if rows.is_empty() {
            return Err(refused(ALREADY_DONE, "Job/step already completing or completed"));
        }
        for at in rows {
            self.jobs[at].spec.qos = Some(qos.to_owned());
        }
        self.look();
        Ok(Answer::Done)
    }

    /// Stops what runs of it. A job that is suspended already stays so.
    pub(crate) fn suspend(&mut self, job: &OurJob) -> Result<Answer, Refusal> {
        let now = self.now;
        self.on_nodes(job)?.into_iter().for_each(|at| {
            self.jobs[at].suspended_since.get_or_insert(now);
        });
        Ok(Answer::Done)
    }

    /// Lets it go on.
    pub(crate) fn resume(&mut self, job: &OurJob) -> Result<Answer, Refusal> {
        let now = self.now;
        self.on_nodes(job)?.into_iter().for_each(|at| self.jobs[at].go_on(now));
        Ok(Answer::Done)
    }

    /// Puts it back into the queue, where that was allowed.
    pub(crate) fn requeue(&mut self, job: &OurJob) -> Result<Answer, Refusal> {
        let rows = self.on_nodes(job)?;
        if rows.iter().any(|at| !self.jobs[*at].may_requeue) {
            return Err(refused(DISABLED, "Requested operation is presently disabled"));
        }
        rows.into_iter().for_each(|at| self.begin_again(at, JobState::Cancelled));
        self.look();
        Ok(Answer::Done)
    }

    pub(crate) fn set_time_limit(&mut self, job: &OurJob, minutes: u32) -> Result<Answer, Refusal> {
        let mut rows = self.ours(job)?;
        if !(1..=self.plan.bounds.max_wall_time_min).contains(&minutes) {
            let sentence = format!("a wall time of {minutes} minutes is above the bounds");
            return Err(refusal(RefusalCode::TimeLimitTooLong, &sentence));
        }
        rows.retain(|at| !self.jobs[*at].is_over());
        if rows.is_empty() {
            return Err(refused(ALREADY_DONE, "Job/step already completing or completed"));
        }
        for at in rows {
            self.jobs[at].spec.time_limit_min = minutes;
        }
        // A limit that has passed already ends the job now.
        self.advance_to(self.now);
        Ok(Answer::Done)
    }

    /// Its rows that are on a node, at least one.
    fn on_nodes(&self, job: &OurJob) -> Result<Vec<usize>, Refusal> {
        let mut rows = self.ours(job)?;
        rows.retain(|at| self.jobs[*at].is_running());
        if rows.is_empty() {
            let sentence = format!("job {} does not run", job.job_id);
            return Err(refusal(RefusalCode::SlurmRefused, &sentence));
        }
        Ok(rows)
    }

    /// Where the rows of a job are, if its id and its mark are the broker's; never empty.
    pub(crate) fn ours(&self, job: &OurJob) -> Result<Vec<usize>, Refusal> {
        let OurJob { job_id, key } = job;
        if self.plan.explicit_ids {
            self.plan.bounds.check_job_id(*job_id)?;
        }
        let rows = self.known(*job_id)?;
        let carries = |job: &Job| job.is_ours() && job.spec.key == *key;
        if rows.iter().any(|at| !carries(&self.jobs[*at])) {
            let sentence = format!("job {job_id} does not carry the mark {key:?}");
            return Err(refusal(RefusalCode::NotOurJob, &sentence));
        }
        Ok(rows)
    }
}

fn refused(errno: i32, sentence: &str) -> Refusal {
    numbered(RefusalCode::SlurmRefused, errno, sentence)
}
