//! Submitting without an id of our own: look for the key, submit, look again.
//!
//! This is weaker than an explicit id, because nothing in Slurm refuses the second job with one key.
//! A submission whose answer is lost may reach slurmctld after somebody looked and found nothing; it
//! then leaves a second job with the same key, held, which its caller has to cancel by id and key.

use slurm_wire::{JobRow, JobState, Submitted};

use super::{SubmitError, adopt, hold, send};
use crate::error::SlurmError;
use crate::frame::Submission;
use crate::session::Session;
use crate::{change, ours};

/// Submits a job, held; one that is there already with the same key is adopted.
///
/// `look` reads every job that slurmctld has now. The caller lets one submission through at a time:
/// two with one key would each find nothing.
pub(crate) fn submit(
    session: Session,
    submission: &Submission,
    look: impl Fn() -> Result<Vec<JobRow>, SlurmError>,
) -> Result<Submitted, SubmitError> {
    let spec = &submission.spec;
    if let Some((job_id, there)) = elder(look()?, &spec.key) {
        let adopted = adopt(spec, job_id, &there)?;
        if there.iter().any(|row| row.held && row.job_id == job_id) {
            hold(session, job_id)?;
        }
        return Ok(adopted);
    }
    let made = send(session, submission)?;
    hold(session, made)?;
    // An earlier try, lost on its way, may have arrived between the look and the submission. Ours
    // has not been told to anybody yet, so it is the one to go.
    match elder(look()?, &spec.key) {
        Some((job_id, there)) if job_id != made => {
            change::cancel(session, made)?;
            adopt(spec, job_id, &there)
        }
        Some(_) | None => Ok(Submitted { job_id: made, adopted: false }),
    }
}

/// The job with a key: of several, the one with the lowest id, if it can be one that is not over.
fn elder(mut rows: Vec<JobRow>, key: &str) -> Option<(u32, Vec<JobRow>)> {
    // What is left of a submission that slurmctld refused is no job.
    let refused = |row: &JobRow| row.state == JobState::Failed && row.started_at.is_none();
    rows.retain(|row| ours::carries(row, key) && !refused(row));
    let (_, job_id) = rows.iter().map(|row| (row.state.is_over(), row.asked_id())).min()?;
    rows.retain(|row| row.asked_id() == job_id);
    Some((job_id, rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn row(job_id: u32, key: &str, state: JobState) -> JobRow {
        JobRow { job_id, admin_comment: Some(key.to_owned()), state, ..example::row() }
    }

    #[test]
    fn of_several_jobs_with_one_key_the_first_that_lives_counts() {
        let rows = vec![
            row(10, "mimer:1:abd", JobState::Running),
            row(12, "mimer:1:abc", JobState::Pending),
            row(11, "mimer:1:abc", JobState::Pending),
            JobRow { started_at: Some(1), ..row(9, "mimer:1:abc", JobState::Failed) },
            row(8, "mimer:1:abc", JobState::Failed),
        ];
        assert_eq!(elder(rows.clone(), "mimer:1:abc").unwrap().0, 11);
        assert_eq!(elder(rows[3..].to_vec(), "mimer:1:abc").unwrap().0, 9);
        assert!(elder(rows[4..].to_vec(), "mimer:1:abc").is_none());
        assert!(elder(rows, "mimer:1:ab").is_none());
    }

    #[test]
    fn an_array_is_found_by_the_id_of_the_array() {
        let task = |job_id| JobRow {
            array_job_id: Some(20),
            ..row(job_id, "mimer:1:abc", JobState::Running)
        };
        let (job_id, rows) = elder(vec![task(21), task(20)], "mimer:1:abc").unwrap();
        assert_eq!((job_id, rows.len()), (20, 2));
    }
}
