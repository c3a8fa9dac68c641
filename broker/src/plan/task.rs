//! Tasks of an array, as Slurm last told of each.
//!
//! An array is one plan, one attempt and one hold; each incarnation of each task is a run. A task is
//! told of here once Slurm has split it off; what is not there yet waits.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use slurm_wire::{JobRecord, JobRow, JobState};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Task {
    /// Its number in the array, from 0.
    pub task_no: i32,
    /// Slurm's own id of it.
    pub slurm_job_id: i64,
    /// Slurm's word for its state.
    pub slurm_state: String,
    /// Its last start.
    pub started_at: Option<DateTime<Utc>>,
    /// Its end.
    pub ended_at: Option<DateTime<Utc>>,
    /// Exit code of the script.
    pub exit_code: Option<i32>,
    /// How often Slurm started it anew.
    pub restart_count: i32,
}

/// Keeps what slurmctld tells of a task; a row that is of no task is left alone.
pub async fn observe(
    tx: &mut PgConnection,
    attempt_id: Uuid,
    row: &JobRow,
) -> Result<(), sqlx::Error> {
    let Some(task_no) = row.array_task_id else { return Ok(()) };
    let task = Task {
        task_no: i32::try_from(task_no).unwrap_or(i32::MAX),
        slurm_job_id: i64::from(row.job_id),
        slurm_state: row.state.word().to_owned(),
        started_at: instant(row.started_at),
        ended_at: instant(row.ended_at),
        exit_code: row.exit_code,
        restart_count: i32::try_from(row.restart_count).unwrap_or(i32::MAX),
    };
    keep(tx, attempt_id, &task).await
}

/// Keeps how each task ended, from the records that its attempt is settled by.
pub async fn settled(
    tx: &mut PgConnection,
    attempt_id: Uuid,
    records: &[&JobRecord],
) -> Result<(), sqlx::Error> {
    for (task_no, (record, incarnations)) in last_of_each(records) {
        let Some(task_no) = task_no else { continue };
        let task = Task {
            task_no: i32::try_from(task_no).unwrap_or(i32::MAX),
            slurm_job_id: i64::from(record.job_id),
            slurm_state: record.state.word().to_owned(),
            started_at: instant(record.started_at),
            ended_at: instant(record.ended_at),
            exit_code: record.exit_code,
            restart_count: incarnations - 1,
        };
        keep(&mut *tx, attempt_id, &task).await?;
    }
    Ok(())
}

/// The record that tells how a job ended as a whole: of an array, the first task that did not
/// complete, or any if all did; of a job that was started anew, its last incarnation.
pub fn telling<'a>(records: &[&'a JobRecord]) -> Option<&'a JobRecord> {
    let last = last_of_each(records);
    let completed = |record: &JobRecord| record.state == JobState::Completed;
    let mut ends = last.into_values().map(|(record, _)| record);
    let first = ends.next()?;
    if !completed(first) {
        return Some(first);
    }
    Some(ends.find(|record| !completed(record)).unwrap_or(first))
}

/// The newest incarnation of each task, and how many it had. A single job has no task number.
fn last_of_each<'a>(records: &[&'a JobRecord]) -> BTreeMap<Option<u32>, (&'a JobRecord, i32)> {
    let mut last: BTreeMap<Option<u32>, (&JobRecord, i32)> = BTreeMap::new();
    for &record in records {
        let (newest, incarnations) = last.entry(record.array_task_id).or_insert((record, 0));
        *incarnations += 1;
        if record.db_index > newest.db_index {
            *newest = record;
        }
    }
    last
}

/// The tasks of an attempt that Slurm has told of, by number.
pub async fn of_attempt(tx: &mut PgConnection, attempt_id: Uuid) -> Result<Vec<Task>, sqlx::Error> {
    sqlx::query_as!(
        Task,
        "select task_no, slurm_job_id, slurm_state, started_at, ended_at, exit_code, restart_count
         from broker.task where attempt_id = $1 order by task_no",
        attempt_id,
    )
    .fetch_all(tx)
    .await
}

async fn keep(tx: &mut PgConnection, attempt_id: Uuid, task: &Task) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into broker.task (attempt_id, task_no, slurm_job_id, slurm_state, started_at,
             ended_at, exit_code, restart_count)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (attempt_id, task_no) do update
         set slurm_job_id = $3, slurm_state = $4, started_at = $5, ended_at = $6, exit_code = $7,
             restart_count = $8",
        attempt_id,
        task.task_no,
        task.slurm_job_id,
        task.slurm_state,
        task.started_at,
        task.ended_at,
        task.exit_code,
        task.restart_count,
    )
    .execute(tx)
    .await?;
    Ok(())
}

fn instant(seconds: Option<i64>) -> Option<DateTime<Utc>> {
    seconds.filter(|at| *at > 0).and_then(|at| DateTime::from_timestamp(at, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(db_index: u64, task: Option<u32>, state: JobState) -> JobRecord {
        JobRecord {
            db_index,
            job_id: 7,
            cluster: "c".to_owned(),
            admin_comment: None,
            account: None,
            partition: None,
            user: None,
            state,
            submitted_at: None,
            started_at: Some(1),
            ended_at: Some(2),
            suspended_s: 0,
            tres: BTreeMap::new(),
            nodes: None,
            exit_code: Some(0),
            array_job_id: task.map(|_| 7),
            array_task_id: task,
        }
    }

    #[test]
    fn a_job_that_was_started_anew_is_told_by_its_last_incarnation() {
        let (first, last) =
            (record(1, None, JobState::NodeFail), record(2, None, JobState::Completed));
        assert_eq!(telling(&[&last, &first]), Some(&last));
        assert_eq!(telling(&[]), None);
    }

    #[test]
    fn an_array_has_completed_when_every_task_has() {
        let tasks = [
            record(5, Some(0), JobState::Completed),
            record(2, Some(1), JobState::Failed),
            record(9, Some(1), JobState::Completed),
            record(4, Some(2), JobState::Completed),
        ];
        let all: Vec<&JobRecord> = tasks.iter().collect();
        assert_eq!(telling(&all).map(|record| record.state), Some(JobState::Completed));
        let without_its_last: Vec<&JobRecord> =
            all.iter().copied().filter(|record| record.db_index != 9).collect();
        let told = telling(&without_its_last).map(|record| record.db_index);
        assert_eq!(told, Some(2), "the one that failed tells");
    }
}
