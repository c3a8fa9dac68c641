//! Submitting: one held job under the id the broker chose.
//!
//! The id is the idempotency key. slurmctld refuses a second job with it, so a submit that may or
//! may not have gone through is simply sent again; "duplicate id" then means "already there", and
//! the job is adopted if it carries the broker's key. That holds while slurmctld remembers the job
//! (until MinJobAge after its end): a caller that comes back later asks slurmdbd first.

use std::ffi::c_char;
use std::ptr;

use slurm_wire::{JobRow, JobSpec, JobState, Refusal, RefusalCode, Submitted};

use crate::error::SlurmError;
use crate::session::Session;
use crate::text::Loan;
use crate::{change, job, sys};

const CALL: &str = "slurm_submit_batch_job";

/// Why a job was not submitted, or is not known to be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// libslurm or slurmctld said no, or nothing.
    #[error(transparent)]
    Slurm(#[from] SlurmError),
    /// Somebody else's job has the id.
    #[error(
        "job {job_id} exists already with another mark ({found:?}); draw a new id, and check that \
         FirstJobId keeps Slurm's own ids out of the broker's range"
    )]
    JobIdTaken {
        /// The id asked for.
        job_id: u32,
        /// The admin comment of the job that has it.
        found: Option<String>,
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
            Self::JobIdTaken { .. } => RefusalCode::JobIdTaken,
            Self::RefusedEarlier { .. } | Self::NotHeld { .. } | Self::OtherId { .. } => {
                RefusalCode::SlurmRefused
            }
            Self::Vanished { .. } => RefusalCode::ControllerUnavailable,
        };
        Refusal { code, sentence: self.to_string(), slurm_errno: None }
    }
}

/// Submits `spec`, held; a job that is there already with the same key is adopted.
pub fn submit(session: Session, spec: &JobSpec) -> Result<Submitted, SubmitError> {
    match send(session, spec) {
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
            let there = job::load_job(session, spec.job_id)?;
            let adopted = adopt(spec, there.as_ref())?;
            // The earlier try may have died between its two steps.
            if there.is_some_and(|there| there.held) {
                hold(session, spec.job_id)?;
            }
            Ok(adopted)
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes the release of a job out of its user's hands, or the job out of Slurm.
fn hold(session: Session, job_id: u32) -> Result<(), SubmitError> {
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

fn adopt(spec: &JobSpec, there: Option<&JobRow>) -> Result<Submitted, SubmitError> {
    let job_id = spec.job_id;
    let Some(there) = there else {
        return Err(SubmitError::Vanished { job_id });
    };
    if there.admin_comment.as_deref() != Some(spec.key.as_str()) {
        return Err(SubmitError::JobIdTaken { job_id, found: there.admin_comment.clone() });
    }
    // A submission that slurmctld refuses still leaves a FAILED record under its id.
    if there.state == JobState::Failed && there.started_at.is_none() {
        let reason = there.state_reason.clone().unwrap_or_else(|| "no reason given".to_owned());
        return Err(SubmitError::RefusedEarlier { job_id, reason });
    }
    Ok(Submitted { job_id, adopted: true })
}

fn send(_session: Session, spec: &JobSpec) -> Result<u32, SlurmError> {
    let mut loan = Loan::default();
    let environment = environment(&mut loan, spec)?;
    let output = |kind: &str| format!("{}/job-{}.{kind}", spec.work_dir, spec.job_id);
    let submission = sys::shim_submission {
        admin_comment: loan.lend("key", spec.key.as_str())?,
        account: loan.lend("account", spec.account.as_str())?,
        partition: loan.lend("partition", spec.partition.as_str())?,
        qos: loan.lend_option("qos", spec.qos.as_deref())?,
        reservation: loan.lend_option("reservation", spec.reservation.as_deref())?,
        name: loan.lend("name", spec.name.as_str())?,
        tres_per_node: loan
            .lend("gpu_type", format!("gres:gpu:{}:{}", spec.gpu_type, spec.gpu_count))?,
        work_dir: loan.lend("work_dir", spec.work_dir.as_str())?,
        std_out: loan.lend("work_dir", output("out"))?,
        std_err: loan.lend("work_dir", output("err"))?,
        script: loan.lend("script", spec.script.as_str())?,
        environment: environment.as_ptr(),
        environment_count: u32::try_from(environment.len()).unwrap_or(u32::MAX),
        deadline: spec.deadline.unwrap_or(0),
        memory_mib: spec.memory_mib.unwrap_or(0),
        job_id: spec.job_id,
        uid: spec.uid,
        gid: spec.gid,
        time_limit_min: spec.time_limit_min,
        cpu_count: spec.cpu_count,
        whole_node: u32::from(spec.whole_node),
    };
    let mut job_id = 0;
    // SAFETY: libslurm is initialised. Every pointer is null or lent by `loan` or `environment`,
    // which outlive the call, and libslurm keeps none of them (docs/SAFETY.md, 5).
    let code = unsafe { sys::shim_submit(ptr::from_ref(&submission), &mut job_id) };
    SlurmError::check(CALL, code)?;
    Ok(job_id)
}

/// `NAME=value` for each variable. Slurm refuses an empty environment, so PATH is always there.
fn environment(loan: &mut Loan, spec: &JobSpec) -> Result<Vec<*const c_char>, SlurmError> {
    let mut lines = Vec::with_capacity(spec.environment.len() + 1);
    if !spec.environment.contains_key("PATH") {
        lines.push(loan.lend("environment", "PATH=/usr/local/bin:/usr/bin:/bin")?);
    }
    for (name, value) in &spec.environment {
        lines.push(loan.lend("environment", format!("{name}={value}"))?);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn row(admin_comment: Option<&str>, state: JobState, started_at: Option<i64>) -> JobRow {
        let admin_comment = admin_comment.map(ToOwned::to_owned);
        JobRow { admin_comment, state, started_at, ..example::row() }
    }

    #[test]
    fn a_job_with_our_key_is_adopted() {
        let there = row(Some("mimer:1:abc"), JobState::Pending, None);
        let adopted = adopt(&example::spec(), Some(&there)).unwrap();
        assert_eq!(adopted, Submitted { job_id: example::spec().job_id, adopted: true });
    }

    #[test]
    fn a_job_that_ran_and_failed_was_submitted_all_the_same() {
        let there = row(Some("mimer:1:abc"), JobState::Failed, Some(1_800_000_000));
        assert!(adopt(&example::spec(), Some(&there)).unwrap().adopted);
    }

    #[test]
    fn a_job_with_another_key_keeps_its_id() {
        for found in [None, Some("mimer:1:other")] {
            let there = row(found, JobState::Pending, None);
            let refused = adopt(&example::spec(), Some(&there)).unwrap_err();
            assert_eq!(refused.refusal().code, RefusalCode::JobIdTaken);
        }
    }

    #[test]
    fn what_a_refused_submission_leaves_behind_is_not_a_job() {
        let there = row(Some("mimer:1:abc"), JobState::Failed, None);
        let refused = adopt(&example::spec(), Some(&there)).unwrap_err();
        assert_eq!(refused.refusal().code, RefusalCode::SlurmRefused);
    }

    #[test]
    fn a_duplicate_that_is_not_there_leaves_the_outcome_open() {
        let refused = adopt(&example::spec(), None).unwrap_err();
        assert_eq!(refused.refusal().code, RefusalCode::ControllerUnavailable);
    }
}
