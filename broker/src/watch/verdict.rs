//! What slurmdbd's records say of an attempt that is not under way any more. Pure.

use std::collections::BTreeSet;

use slurm_wire::{JobRecord, JobState};

use super::follow::Expected;
use super::roll::Watched;
use super::run::{has_started, is_final};

/// What is to be done about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All of it is told, and all of it is over.
    Settle,
    /// slurmdbd has not told all of it yet.
    Wait,
    /// Every record is final, and some tasks of the array have none: they were taken out of the queue
    /// one by one, or slurmdbd is far behind.
    TasksUntold,
    /// These jobs have started and have no end, and slurmctld does not have them.
    Runaway(Vec<u32>),
    /// Nothing of it ever started, and slurmctld does not have it.
    NeverStarted,
}

/// The mark reaches slurmdbd only when the job starts or ends; a record without one is ours by its
/// id, which no other job can have.
pub(super) fn is_ours(record: &JobRecord, watched: &Watched) -> bool {
    record.admin_comment.as_deref().is_none_or(|key| key.is_empty() || key == watched.key)
}

/// slurmctld says that all of it is over, and knows these incarnations: each must be told, and of each
/// its last start. If slurmdbd never tells that, it has the last word when slurmctld has forgotten the
/// job.
pub(super) fn when_over(
    watched: &Watched,
    expected: &[Expected],
    records: &[&JobRecord],
) -> Verdict {
    let told = |row: &Expected| {
        records.iter().any(|record| {
            is_final(record)
                && record.job_id == row.job_id
                && (row.submitted_at.is_none() || record.submitted_at == row.submitted_at)
                && !is_overtaken(record, row)
        })
    };
    if !expected.iter().all(told) {
        Verdict::Wait
    } else if all_tasks_told(watched, records) {
        Verdict::Settle
    } else {
        Verdict::TasksUntold
    }
}

/// Whether the record tells of an earlier start than the one that slurmctld knows. A slurmctld that died
/// before it saved a start, and the end after it, starts the job once more in the same incarnation, and
/// slurmdbd writes its record over when it hears of that (measured on 22.05).
fn is_overtaken(record: &JobRecord, row: &Expected) -> bool {
    has_started(record) && record.started_at < row.started_at
}

/// slurmctld does not know it; `records` are all that slurmdbd has, as it was asked by the id.
pub(super) fn when_unknown(watched: &Watched, records: &[&JobRecord]) -> Verdict {
    let records: Vec<&JobRecord> =
        records.iter().copied().filter(|record| !was_closed_by_hand(record)).collect();
    let records = records.as_slice();
    let lies = |record: &&&JobRecord| !is_final(record) && has_started(record);
    let runaways: Vec<u32> = records
        .iter()
        // What is over and incomplete lags; only what has no end has run away.
        .filter(lies)
        .map(|record| record.job_id)
        .collect();
    if !runaways.is_empty() {
        let ended = |record: &&JobRecord| record.ended_at.is_some() && !is_final(record);
        return if records.iter().any(ended) { Verdict::Wait } else { Verdict::Runaway(runaways) };
    }
    if !records.iter().any(|record| is_final(record)) {
        // No record at all, or one of a job that waited: slurmctld may tell slurmdbd of a job
        // before it saves it.
        return Verdict::NeverStarted;
    }
    if all_tasks_told(watched, records) { Verdict::Settle } else { Verdict::TasksUntold }
}

/// A job that completed and never started: `sacctmgr show runawayjobs` leaves that of a job which
/// slurmctld forgot while it waited (measured on 22.05). It says nothing of what became of the job.
fn was_closed_by_hand(record: &JobRecord) -> bool {
    record.state == JobState::Completed && !has_started(record)
}

/// Whether every task has a final record. Tasks that never left the queue have one together, without
/// a number (measured on 22.05: `7_[3-9]` CANCELLED under the array's id).
fn all_tasks_told(watched: &Watched, records: &[&JobRecord]) -> bool {
    if watched.task_count <= 1 {
        return true;
    }
    let finals = || records.iter().filter(|record| is_final(record));
    let numbers: BTreeSet<u32> = finals().filter_map(|record| record.array_task_id).collect();
    let count = i64::try_from(numbers.len()).unwrap_or(i64::MAX);
    count >= watched.task_count || finals().any(|record| record.array_task_id.is_none())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::plan::attempt::AttemptState;

    fn watched(task_count: i64) -> Watched {
        Watched {
            attempt_id: Uuid::nil(),
            hold_id: Uuid::nil(),
            cluster: "c".to_owned(),
            slurm_job_id: 7,
            key: "key".to_owned(),
            task_count,
            state: AttemptState::Ended,
            queued_at: None,
            created_at: DateTime::UNIX_EPOCH,
            trace_id: Uuid::nil(),
        }
    }

    /// A record of a task, or of a single job, that started at 100.
    fn record(job_id: u32, task: Option<u32>, state: JobState, ended_at: Option<i64>) -> JobRecord {
        JobRecord {
            db_index: u64::from(job_id),
            job_id,
            cluster: "c".to_owned(),
            admin_comment: Some("key".to_owned()),
            account: None,
            partition: Some("gpu".to_owned()),
            user: None,
            state,
            submitted_at: Some(90),
            started_at: Some(100),
            ended_at,
            suspended_s: 0,
            tres: [("gres/gpu".to_owned(), 1)].into(),
            nodes: None,
            exit_code: None,
            array_job_id: task.map(|_| 7),
            array_task_id: task,
        }
    }

    fn expected(job_id: u32, submitted_at: i64) -> Expected {
        Expected { job_id, submitted_at: Some(submitted_at), started_at: Some(100) }
    }

    #[test]
    fn each_incarnation_that_slurmctld_knows_must_be_told() {
        let first = record(7, None, JobState::Preempted, Some(110));
        let told = when_over(&watched(1), &[expected(7, 90)], &[&first]);
        assert_eq!(told, Verdict::Settle);
        // The job was submitted anew at 120: its first run's record is not all of it.
        let told = when_over(&watched(1), &[expected(7, 120)], &[&first]);
        assert_eq!(told, Verdict::Wait);
        let second =
            JobRecord { submitted_at: Some(120), ..record(7, None, JobState::Completed, None) };
        let told = when_over(&watched(1), &[expected(7, 120)], &[&first, &second]);
        assert_eq!(told, Verdict::Wait, "its end is not told yet");
    }

    #[test]
    fn a_record_of_a_start_that_slurmctld_has_since_repeated_is_waited_for() {
        let first = record(7, None, JobState::Cancelled, Some(100));
        let again = Expected { started_at: Some(124), ..expected(7, 90) };
        assert_eq!(when_over(&watched(1), &[again], &[&first]), Verdict::Wait);
        let written_over =
            JobRecord { started_at: Some(124), ..record(7, None, JobState::Completed, Some(129)) };
        assert_eq!(when_over(&watched(1), &[again], &[&written_over]), Verdict::Settle);
        // Taken out of the queue: slurmctld calls the end its start, and slurmdbd knows of none.
        let waited =
            JobRecord { started_at: None, ..record(7, None, JobState::Cancelled, Some(124)) };
        assert_eq!(when_over(&watched(1), &[again], &[&waited]), Verdict::Settle);
        // Once slurmctld has forgotten it, slurmdbd has the last word.
        assert_eq!(when_unknown(&watched(1), &[&first]), Verdict::Settle);
    }

    #[test]
    fn an_array_is_settled_when_every_task_is_told() {
        let tasks = [
            record(8, Some(0), JobState::Completed, Some(110)),
            record(7, Some(1), JobState::Failed, Some(110)),
        ];
        let all: Vec<&JobRecord> = tasks.iter().collect();
        let rows = [expected(8, 90), expected(7, 90)];
        assert_eq!(when_over(&watched(2), &rows, &all), Verdict::Settle);
        assert_eq!(when_over(&watched(3), &rows, &all), Verdict::TasksUntold);
        assert_eq!(when_unknown(&watched(3), &all), Verdict::TasksUntold);
    }

    #[test]
    fn tasks_that_never_left_the_queue_are_told_together() {
        let first = record(8, Some(0), JobState::Completed, Some(110));
        let rest = JobRecord {
            started_at: None,
            array_job_id: Some(7),
            ..record(7, None, JobState::Cancelled, Some(111))
        };
        let all = [&first, &rest];
        assert_eq!(when_unknown(&watched(100), &all), Verdict::Settle);
    }

    #[test]
    fn a_record_without_an_end_has_run_away_only_if_it_had_started() {
        let started = record(7, None, JobState::Running, None);
        assert_eq!(when_unknown(&watched(1), &[&started]), Verdict::Runaway(vec![7]));
        let waits = JobRecord { started_at: None, ..record(7, None, JobState::Pending, None) };
        assert_eq!(when_unknown(&watched(1), &[&waits]), Verdict::NeverStarted);
        assert_eq!(when_unknown(&watched(1), &[]), Verdict::NeverStarted);
        let closed = JobRecord { state: JobState::Completed, ended_at: Some(95), ..waits };
        assert_eq!(when_unknown(&watched(1), &[&closed]), Verdict::NeverStarted, "by an operator");
        let cancelled = JobRecord { state: JobState::Cancelled, ..closed };
        assert_eq!(when_unknown(&watched(1), &[&cancelled]), Verdict::Settle);
    }

    #[test]
    fn a_record_that_is_over_and_not_complete_is_waited_for() {
        let lags = JobRecord { tres: [].into(), ..record(7, None, JobState::Completed, Some(110)) };
        assert_eq!(when_unknown(&watched(1), &[&lags]), Verdict::Wait);
        let half = JobRecord { ended_at: Some(100), partition: None, ..lags };
        assert_eq!(when_unknown(&watched(1), &[&half]), Verdict::Settle, "an operator ended it");
    }
}
