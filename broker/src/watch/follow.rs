//! What slurmctld has of the broker's jobs, as far as it was followed.
//!
//! The gateway tells only what changed since a cursor. This is the memory that the changes add up to:
//! a few words per job, so that a look at which a thousand jobs wait as before costs next to nothing.
//! It is lost with the process on purpose: the next one begins with everything.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use slurm_wire::{Changes, Cursor, JobRow, JobState};

/// Everything slurmctld was seen to have, by its own job ids.
#[derive(Debug, Default)]
pub(super) struct Followed {
    cursor: Option<Cursor>,
    rows: HashMap<u32, Known>,
    /// The rows of each id that was asked for: one, or those of an array.
    of_asked: HashMap<u32, Vec<u32>>,
    /// Asked ids under which somebody else's job lies.
    foreign: HashSet<u32>,
}

#[derive(Debug)]
struct Known {
    asked_id: u32,
    /// Of the whole row; a row with the same is not taken in again.
    fingerprint: u64,
    submitted_at: Option<i64>,
    started_at: Option<i64>,
    state: JobState,
    is_under_way: bool,
    is_held: bool,
    time_limit_min: Option<u32>,
}

/// One incarnation that slurmctld says is over, and that slurmdbd should have a record of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// Slurm's own id; of a task, the task's.
    pub(super) job_id: u32,
    /// When this incarnation was submitted; a requeue is a submission.
    pub(super) submitted_at: Option<i64>,
    /// When it started last.
    pub(super) started_at: Option<i64>,
}

/// How a job that was asked for stands in slurmctld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It waits, runs or cleans up; of an array, some of it.
    UnderWay,
    /// All of it is over.
    Over(Vec<Expected>),
    /// slurmctld does not know it, or no longer.
    Unknown,
    /// Another's job has the id; never ours to settle.
    Foreign,
}

impl Followed {
    /// Where the next question begins; `None` asks for everything.
    pub(super) fn cursor(&self) -> Option<Cursor> {
        self.cursor
    }

    /// Takes the answer in and returns the rows that are news.
    pub(super) fn take_in(&mut self, changes: Changes) -> Vec<JobRow> {
        let Changes { cursor, whole, jobs, gone } = changes;
        self.cursor = Some(cursor);
        if whole {
            let there: HashSet<u32> = jobs.iter().map(|job| job.job_id).collect();
            let absent = self.rows.keys().copied().filter(|job_id| !there.contains(job_id));
            for job_id in absent.collect::<Vec<_>>() {
                self.remove(job_id);
            }
        }
        for job_id in gone {
            self.remove(job_id);
        }
        jobs.into_iter().filter(|job| self.is_news(job)).collect()
    }

    /// Remembers a row; false if it is as it was.
    fn is_news(&mut self, job: &JobRow) -> bool {
        let fingerprint = fingerprint(job);
        let asked_id = job.asked_id();
        if let Some(earlier) = self.rows.get(&job.job_id) {
            if earlier.fingerprint == fingerprint && earlier.asked_id == asked_id {
                return false;
            }
            self.remove(job.job_id);
        }
        let known = Known {
            asked_id,
            fingerprint,
            submitted_at: job.submitted_at,
            started_at: job.started_at,
            state: job.state,
            is_under_way: !job.state.is_over() || job.completing,
            is_held: waits_held(job),
            time_limit_min: job.time_limit_min,
        };
        self.rows.insert(job.job_id, known);
        self.of_asked.entry(asked_id).or_default().push(job.job_id);
        true
    }

    fn remove(&mut self, job_id: u32) {
        let Some(known) = self.rows.remove(&job_id) else { return };
        if let Some(rows) = self.of_asked.get_mut(&known.asked_id) {
            rows.retain(|it| *it != job_id);
            if rows.is_empty() {
                self.of_asked.remove(&known.asked_id);
                self.foreign.remove(&known.asked_id);
            }
        }
    }

    /// Forgets everything: all that slurmctld has is news again.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether another's job lies under this id.
    pub(super) fn mark_foreign(&mut self, asked_id: u32, yes: bool) {
        if yes {
            self.foreign.insert(asked_id);
        } else {
            self.foreign.remove(&asked_id);
        }
    }

    /// The state to show of all that was asked for under this id: what runs before what waits, and that
    /// before what is over.
    pub(super) fn state_to_show(&self, asked_id: u32) -> Option<JobState> {
        let rank = |state: &JobState| match state {
            JobState::Running | JobState::Suspended => 0,
            JobState::Pending => 1,
            JobState::Completed => 3,
            // Of what is over, what did not complete tells more.
            _ => 2,
        };
        let rows = self.of_asked.get(&asked_id)?;
        rows.iter().filter_map(|job_id| Some(self.rows.get(job_id)?.state)).min_by_key(rank)
    }

    /// Whether a job waits under this id that is held.
    pub(super) fn is_held(&self, asked_id: u32) -> bool {
        let rows = self.of_asked.get(&asked_id).into_iter().flatten();
        rows.filter_map(|job_id| self.rows.get(job_id)).any(|known| known.is_held)
    }

    /// The shortest limit of what waits or runs under this id.
    pub(super) fn limit_min(&self, asked_id: u32) -> Option<u32> {
        let rows = self.of_asked.get(&asked_id)?.iter();
        let under_way =
            rows.filter_map(|job_id| self.rows.get(job_id)).filter(|it| it.is_under_way);
        under_way.filter_map(|known| known.time_limit_min).min()
    }

    /// How the job stands that was asked for under this id.
    pub(super) fn standing(&self, asked_id: u32) -> Standing {
        if self.foreign.contains(&asked_id) {
            return Standing::Foreign;
        }
        let Some(rows) = self.of_asked.get(&asked_id) else { return Standing::Unknown };
        let mut expected = Vec::with_capacity(rows.len());
        for job_id in rows {
            let Some(known) = self.rows.get(job_id) else { continue };
            if known.is_under_way {
                return Standing::UnderWay;
            }
            let (submitted_at, started_at) = (known.submitted_at, known.started_at);
            expected.push(Expected { job_id: *job_id, submitted_at, started_at });
        }
        Standing::Over(expected)
    }
}

/// True for a job that waits because somebody holds it, not because it can never run: such a one is
/// held by Slurm itself.
pub(super) fn waits_held(job: &JobRow) -> bool {
    job.held
        && job.state == JobState::Pending
        && job.state_reason.as_deref() != Some("BadConstraints")
}

/// Equal for equal rows; of two that differ, equal once in 2^64.
fn fingerprint(job: &JobRow) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::json!(job).to_string().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(job_id: u32, array_job_id: Option<u32>, state: JobState) -> JobRow {
        JobRow {
            job_id,
            admin_comment: Some("key".to_owned()),
            state,
            state_reason: None,
            held: false,
            completing: false,
            uid: 1,
            account: None,
            partition: None,
            submitted_at: Some(10),
            started_at: None,
            ended_at: None,
            restart_count: 0,
            exit_code: None,
            gpus: Vec::new(),
            tres_alloc: None,
            mcs_label: None,
            time_limit_min: None,
            array_job_id,
            array_task_id: None,
        }
    }

    fn changes(whole: bool, jobs: Vec<JobRow>, gone: Vec<u32>) -> Changes {
        Changes { cursor: Cursor { life: 1, step: 1 }, whole, jobs, gone }
    }

    #[test]
    fn only_what_changed_is_news_however_often_all_of_it_is_told() {
        let mut followed = Followed::default();
        let jobs = vec![row(1, None, JobState::Pending), row(2, None, JobState::Running)];
        assert_eq!(followed.take_in(changes(true, jobs.clone(), vec![])), jobs);
        assert!(followed.take_in(changes(true, jobs, vec![])).is_empty());
        let over = row(2, None, JobState::Completed);
        let news = followed.take_in(changes(false, vec![over.clone()], vec![]));
        assert_eq!(news, [over]);
        assert_eq!(followed.standing(1), Standing::UnderWay);
        assert!(matches!(followed.standing(2), Standing::Over(rows) if rows.len() == 1));
    }

    #[test]
    fn a_job_is_unknown_once_it_is_gone_or_left_out_of_the_whole() {
        let mut followed = Followed::default();
        let jobs = vec![row(1, None, JobState::Pending), row(2, None, JobState::Pending)];
        followed.take_in(changes(true, jobs, vec![]));
        followed.take_in(changes(false, vec![], vec![1]));
        assert_eq!(followed.standing(1), Standing::Unknown);
        followed.take_in(changes(true, vec![], vec![]));
        assert_eq!(followed.standing(2), Standing::Unknown);
    }

    #[test]
    fn an_array_is_over_when_its_last_task_is() {
        let mut followed = Followed::default();
        let (rest, first) =
            (row(7, Some(7), JobState::Pending), row(9, Some(7), JobState::Running));
        followed.take_in(changes(true, vec![rest, first], vec![]));
        assert_eq!(followed.standing(7), Standing::UnderWay);
        let (rest, first) =
            (row(7, Some(7), JobState::Cancelled), row(9, Some(7), JobState::Completed));
        let cleaning = JobRow { completing: true, ..first.clone() };
        followed.take_in(changes(false, vec![rest, cleaning], vec![]));
        assert_eq!(followed.standing(7), Standing::UnderWay, "it still cleans up");
        followed.take_in(changes(false, vec![first], vec![]));
        assert!(matches!(followed.standing(7), Standing::Over(rows) if rows.len() == 2));
    }
}
