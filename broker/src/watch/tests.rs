//! The watcher on a real PostgreSQL and a Slurm that says what it is told.

mod array;
mod follow;
mod late;
mod lost;
mod runaway;
mod saved;
mod settled;
mod start;
mod taken_back;

use slurm_wire::{JobRecord, JobRow, JobState};

use super::*;
use crate::exception::{self, Exception};
use crate::plan::attempt::{Attempt, AttemptState};
use crate::stage::{Stage, job_row, record_of};

impl Watcher {
    /// Looks until `seconds` from now, once a second, as mimerd does.
    async fn look_for(&mut self, stage: &Stage, seconds: i64) {
        for _ in 0..seconds {
            self.look(&stage.app).await.unwrap();
            stage.wait_s(1);
        }
    }
}

/// An attempt at `state` whose job slurmctld shows in `shown`.
async fn shown(stage: &Stage, state: AttemptState, shown: JobState) -> (Attempt, JobRow) {
    let attempt = stage.attempt_at(state).await;
    let row = job_row(&attempt, shown);
    stage.slurm.has_jobs(vec![row.clone()]);
    (attempt, row)
}

/// A record of the attempt's job that was submitted, started and ended so many seconds after that of
/// [`record_of`] began.
fn record_at(
    attempt: &Attempt,
    state: JobState,
    (db_index, from, until): (u64, i64, Option<i64>),
) -> JobRecord {
    let record = record_of(attempt, state);
    let zero = record.started_at.unwrap();
    JobRecord {
        db_index,
        submitted_at: Some(zero + from),
        started_at: Some(zero + from),
        ended_at: until.map(|until| zero + until),
        ..record
    }
}

async fn exceptions(stage: &Stage) -> Vec<Exception> {
    exception::list(&mut stage.app.db.acquire().await.unwrap()).await.unwrap()
}

/// GPU-seconds that the ledger has as runs, charged or not, and how many runs.
async fn runs(stage: &Stage) -> (i64, i64) {
    sqlx::query_as("select coalesce(sum(gpu_seconds), 0)::bigint, count(*) from accounting.run")
        .fetch_one(&stage.app.db)
        .await
        .unwrap()
}
