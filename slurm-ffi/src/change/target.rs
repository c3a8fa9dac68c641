//! Which rows of a job a change is for; none when it has been made already.

use slurm_wire::{JobRow, JobState};

use super::Change;
use crate::error::SlurmError;

/// Slurm's word for a hold that the job's own user cannot lift.
const HELD_BY_ADMINISTRATOR: &str = "JobHeldAdmin";

/// The ids of the rows that need the change, or why none of them can have it.
pub(super) fn of(change: &Change, job_id: u32, rows: &[JobRow]) -> Result<Vec<u32>, SlurmError> {
    let ids = |wanted: &dyn Fn(&JobRow) -> bool| -> Vec<u32> {
        rows.iter().filter(|row| wanted(row)).map(|row| row.job_id).collect()
    };
    let any = |wanted: &dyn Fn(&JobRow) -> bool| rows.iter().any(wanted);
    let waits = |row: &JobRow| row.state == JobState::Pending;
    let runs = |row: &JobRow| row.state == JobState::Running;
    let rests = |row: &JobRow| row.state == JobState::Suspended;
    let open = |row: &JobRow| !row.state.is_over();
    match change {
        Change::Release => Ok(ids(&|row| waits(row) && row.held)),
        // slurmctld takes the hold of a running job without a word: the job goes on, is shown as
        // held, and stays held if it is ever requeued (measured on 22.05).
        Change::Hold if !any(&waits) => Err(SlurmError::NotWaiting { job_id }),
        Change::Hold => {
            let held = |row: &JobRow| row.state_reason.as_deref() == Some(HELD_BY_ADMINISTRATOR);
            Ok(ids(&|row| waits(row) && !(row.held && held(row))))
        }
        Change::Nudge => Ok(ids(&open).into_iter().take(1).collect()),
        // Running tasks keep what they started with; alone, a running job is refused by slurmctld.
        Change::Qos(_) if any(&waits) => Ok(ids(&waits)),
        Change::Qos(_) => Ok(ids(&|_| true)),
        Change::Suspend if any(&runs) => Ok(ids(&runs)),
        Change::Suspend if any(&rests) => Ok(Vec::new()),
        Change::Resume if any(&rests) => Ok(ids(&rests)),
        Change::Resume if any(&runs) => Ok(Vec::new()),
        Change::Requeue if any(&|row| runs(row) || rests(row)) => {
            Ok(ids(&|row| runs(row) || rests(row)))
        }
        Change::Requeue if any(&waits) => Ok(Vec::new()),
        Change::TimeLimit(minutes) if any(&open) => {
            Ok(ids(&|row| open(row) && row.time_limit_min != Some(*minutes)))
        }
        Change::Suspend | Change::Resume | Change::Requeue | Change::TimeLimit(_) => {
            Err(SlurmError::NotRunning { job_id })
        }
        Change::Cancel => Ok(vec![job_id]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn row(job_id: u32, state: JobState) -> JobRow {
        JobRow { job_id, state, held: false, state_reason: None, ..example::row() }
    }

    fn array() -> Vec<JobRow> {
        vec![
            row(1, JobState::Pending),
            row(2, JobState::Running),
            row(3, JobState::Suspended),
            row(4, JobState::Completed),
        ]
    }

    fn ids(change: Change, rows: &[JobRow]) -> Option<Vec<u32>> {
        of(&change, 1, rows).ok()
    }

    #[test]
    fn each_change_is_for_the_tasks_that_can_have_it() {
        let ids = |change| ids(change, &array()).unwrap();
        assert_eq!(ids(Change::Hold), [1]);
        assert_eq!(ids(Change::Release), [] as [u32; 0]);
        assert_eq!(ids(Change::Qos("normal".to_owned())), [1]);
        assert_eq!(ids(Change::Suspend), [2]);
        assert_eq!(ids(Change::Resume), [3]);
        assert_eq!(ids(Change::Requeue), [2, 3]);
        assert_eq!(ids(Change::TimeLimit(90)), [1, 2, 3]);
        assert_eq!(ids(Change::TimeLimit(60)), [] as [u32; 0]);
        assert_eq!(ids(Change::Nudge), [1]);
    }

    #[test]
    fn what_was_done_before_is_left_alone() {
        let held = JobRow {
            held: true,
            state_reason: Some(HELD_BY_ADMINISTRATOR.to_owned()),
            ..row(1, JobState::Pending)
        };
        assert_eq!(ids(Change::Hold, std::slice::from_ref(&held)), Some(vec![]));
        assert_eq!(ids(Change::Release, std::slice::from_ref(&held)), Some(vec![1]));
        // A hold that the user could lift is not the one that was asked for.
        let by_user = JobRow { state_reason: Some("JobHeldUser".to_owned()), ..held };
        assert_eq!(ids(Change::Hold, &[by_user]), Some(vec![1]));
        assert_eq!(ids(Change::Suspend, &[row(1, JobState::Suspended)]), Some(vec![]));
        assert_eq!(ids(Change::Resume, &[row(1, JobState::Running)]), Some(vec![]));
        assert_eq!(ids(Change::Requeue, &[row(1, JobState::Pending)]), Some(vec![]));
    }

    #[test]
    fn what_cannot_be_is_refused_before_slurm_is_asked() {
        for change in [Change::Hold, Change::Suspend, Change::Resume, Change::Requeue] {
            assert_eq!(ids(change.clone(), &[row(1, JobState::Completed)]), None, "{change:?}");
        }
        assert_eq!(ids(Change::TimeLimit(5), &[row(1, JobState::Timeout)]), None);
        assert_eq!(ids(Change::Hold, &[row(1, JobState::Running)]), None);
        assert_eq!(ids(Change::Suspend, &[row(1, JobState::Pending)]), None);
    }
}
