//! Submitting: one held job under the id the broker chose.
//!
//! The id is the idempotency key. slurmctld refuses a second job with it, so a submit that may or
//! may not have gone through is simply sent again; "duplicate id" then means "already there", and
//! the job is adopted if it carries the broker's key. That holds while slurmctld remembers the job
//! (until MinJobAge after its end): a caller that comes back later asks slurmdbd first.

use slurm_wire::{JobRow, JobSpec, JobState, Refusal, RefusalCode, Submitted};

use crate::error::SlurmError;
use crate::frame::Submission;
use crate::session::Session;
use crate::{change, job, ours, sys};

mod description;
pub(crate) mod keyed;

use description::send;

/// Why a job was not submitted, or is not known to be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// libslurm or slurmctld said no, or nothing.
    #[error(transparent)]
    Slurm(#[from] SlurmError),
    /// Somebody else's job has the id.
    #[error(
        "job {job_id} exists already with another mark ({:?}); draw a new id, and check that FirstJobId \
         keeps Slurm's own ids out of the broker's range",
        found.as_deref().unwrap_or_default()
    )]
    JobIdTaken {
        /// The id asked for.
        job_id: u32,
        /// The admin comment of the job that has it.
        found: Option<String>,
    },
    /// A job with our key has the id, but is an array where none was asked for, or the other way round.
    #[error(
        "job {job_id} carries the same mark but is not the same job: one of the two is an array; a key \
         is for one job only"
    )]
    OtherShape {
        /// The id asked for.
        job_id: u32,
    },
    /// An earlier try reached slurmctld and was refused there.
    #[error("an earlier submission of job {job_id} was refused by slurmctld ({reason})")]
    RefusedEarlier {
        /// The id asked for.
        job_id: u32,
        /// Slurm's reason.
        reason: String,
    },
    /// slurmctld named the id a duplicate and then did not know it.
    #[error("job {job_id} was there and is gone; send the same call again")]
    Vanished {
        /// The id asked for.
        job_id: u32,
    },
    /// The job did not stay held: somebody released it between two calls.
    #[error("job {job_id} could not be held and was cancelled ({reason}); draw a new id")]
    NotHeld {
        /// The id asked for.
        job_id: u32,
        /// What slurmctld said.
        reason: SlurmError,
    },
    /// slurmctld accepted the job under another id.
    #[error("slurmctld took the job as {got} instead of {job_id}; it was cancelled")]
    OtherId {
        /// The id asked for.
        job_id: u32,
        /// The id given.
        got: u32,
    },
}

impl SubmitError {
    /// The refusal for the caller.
    pub fn refusal(&self) -> Refusal {
        let code = match self {
            Self::Slurm(error) => return error.controller_refusal(),
            Self::JobIdTaken { .. } | Self::OtherShape { .. } => RefusalCode::JobIdTaken,
            Self::RefusedEarlier { .. } | Self::NotHeld { .. } | Self::OtherId { .. } => {
                RefusalCode::SlurmRefused
            }
            Self::Vanished { .. } => RefusalCode::ControllerUnavailable,
        };
        Refusal { code, sentence: self.to_string(), slurm_errno: None }
    }
}

/// Submits a job, held; one that is there already with the same key is adopted.
pub fn submit(session: Session, submission: &Submission) -> Result<Submitted, SubmitError> {
    let spec = &submission.spec;
    match send(session, submission) {
        Ok(job_id) if job_id == spec.job_id => {
            hold(session, job_id)?;
            Ok(Submitted { job_id, adopted: false })
        }
        Ok(got) => {
            // Never seen; but a job nobody can find again must not stay. It is still held.
            change::cancel(session, got)?;
            Err(SubmitError::OtherId { job_id: spec.job_id, got })
        }
        Err(error) if error.is(sys::ESLURM_DUPLICATE_JOB_ID) => {
            let there = job::load_asked(session, spec.job_id)?;
            let adopted = adopt(spec, spec.job_id, &there)?;
            // The earlier try may have died between its two steps.
            if there.iter().any(|there| there.held && there.job_id == spec.job_id) {
                hold(session, spec.job_id)?;
            }
            Ok(adopted)
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes the release of a job out of its user's hands, or the job out of Slurm.
pub(crate) fn hold(session: Session, job_id: u32) -> Result<(), SubmitError> {
    match change::hold(session, job_id) {
        // Sent again, the submission finds its job and holds it then.
        Err(error) if error.retry() => Err(error.into()),
        Err(reason) => {
            change::cancel(session, job_id)?;
            Err(SubmitError::NotHeld { job_id, reason })
        }
        Ok(()) => Ok(()),
    }
}

/// Takes what is there under `job_id` for the job of `spec`: of an array, every row must carry the key.
pub(crate) fn adopt(
    spec: &JobSpec,
    job_id: u32,
    there: &[JobRow],
) -> Result<Submitted, SubmitError> {
    if there.is_empty() {
        return Err(SubmitError::Vanished { job_id });
    }
    if let Some(other) = there.iter().find(|row| !ours::carries(row, &spec.key)) {
        return Err(SubmitError::JobIdTaken { job_id, found: other.admin_comment.clone() });
    }
    if there.iter().any(|row| row.array_job_id.is_some()) != spec.array.is_some() {
        return Err(SubmitError::OtherShape { job_id });
    }
    // A submission that slurmctld refuses still leaves a FAILED record under its id.
    let refused = |row: &JobRow| row.state == JobState::Failed && row.started_at.is_none();
    if let Some(row) = there.iter().find(|row| row.job_id == job_id && refused(row)) {
        let reason = row.state_reason.clone().unwrap_or_else(|| "no reason given".to_owned());
        return Err(SubmitError::RefusedEarlier { job_id, reason });
    }
    Ok(Submitted { job_id, adopted: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn row(admin_comment: Option<&str>, state: JobState, started_at: Option<i64>) -> JobRow {
        let admin_comment = admin_comment.map(ToOwned::to_owned);
        JobRow { admin_comment, state, started_at, ..example::row() }
    }

    fn adopted(there: Option<JobRow>) -> Result<Submitted, SubmitError> {
        let rows: Vec<_> = there.into_iter().collect();
        adopt(&example::spec(), example::spec().job_id, &rows)
    }

    #[test]
    fn a_job_with_our_key_is_adopted() {
        let there = row(Some("mimer:1:abc"), JobState::Pending, None);
        let adopted = adopted(Some(there)).unwrap();
        assert_eq!(adopted, Submitted { job_id: example::spec().job_id, adopted: true });
    }

    #[test]
    fn a_job_that_ran_and_failed_was_submitted_all_the_same() {
        let there = row(Some("mimer:1:abc"), JobState::Failed, Some(1_800_000_000));
        assert!(adopted(Some(there)).unwrap().adopted);
    }

    #[test]
    fn a_job_with_another_key_keeps_its_id() {
        for found in [None, Some("mimer:1:other")] {
            let there = row(found, JobState::Pending, None);
            let refused = adopted(Some(there)).unwrap_err();
            assert_eq!(refused.refusal().code, RefusalCode::JobIdTaken);
        }
    }

    #[test]
    fn an_array_is_adopted_whole_whatever_its_tasks_are_at() {
        let id = example::spec().job_id;
        let array = Some(slurm_wire::TaskArray { task_count: 3, at_once: None });
        let spec = JobSpec { array, ..example::spec() };
        let task = |job_id, number, state| JobRow {
            job_id,
            array_job_id: Some(id),
            array_task_id: number,
            state,
            ..row(Some("mimer:1:abc"), state, None)
        };
        let rest = task(id, None, JobState::Pending);
        let split = task(60_000_001, Some(0), JobState::Failed);
        let there = [rest, split];
        assert_eq!(adopt(&spec, id, &there), Ok(Submitted { job_id: id, adopted: true }));
        let other = JobRow { admin_comment: Some("mimer:1:abd".to_owned()), ..there[1].clone() };
        let refused = adopt(&spec, id, &[there[0].clone(), other]).unwrap_err();
        assert_eq!(refused.refusal().code, RefusalCode::JobIdTaken);
        let refused = adopt(&example::spec(), id, &there).unwrap_err();
        assert_eq!(refused, SubmitError::OtherShape { job_id: id });
    }

    #[test]
    fn what_a_refused_submission_leaves_behind_is_not_a_job() {
        let there = row(Some("mimer:1:abc"), JobState::Failed, None);
        let refused = adopted(Some(there)).unwrap_err();
        assert_eq!(refused.refusal().code, RefusalCode::SlurmRefused);
    }

    #[test]
    fn a_duplicate_that_is_not_there_leaves_the_outcome_open() {
        let refused = adopted(None).unwrap_err();
        assert_eq!(refused.refusal().code, RefusalCode::ControllerUnavailable);
    }
}
