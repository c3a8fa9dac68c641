//! Starts of scripts: each is kept, and a second one of the same is an exception.
//!
//! Slurm counts its own restarts. Two starts of one job with the same count mean that slurmctld died
//! before it saved the first, and started the script again by itself. Nothing is charged twice for
//! it: what is owed is what slurmdbd has. (A node that has to boot first may move a start: a site
//! with such nodes sees exceptions here that are none.)

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use record::Stamp;
use serde_json::json;
use slurm_wire::{JobRecord, JobState};
use sqlx::PgConnection;

use super::roll::Watched;
use crate::exception::{self, ExceptionKind, Found};

/// One start of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// Slurm's own id; of a task, the task's.
    pub(super) slurm_job_id: i64,
    pub(super) started_at: DateTime<Utc>,
    pub(super) restart_count: u32,
}

/// Keeps a start that slurmctld told. Returns whether it is a second one.
pub(super) async fn keep(
    tx: &mut PgConnection,
    watched: &Watched,
    start: Start,
    stamp: &Stamp<'_>,
) -> Result<bool, sqlx::Error> {
    let restart_count = i32::try_from(start.restart_count).unwrap_or(i32::MAX);
    let kept = sqlx::query!(
        "insert into broker.job_start
             (attempt_id, slurm_job_id, started_at, restart_count, seen_at)
         values ($1, $2, $3, $4, $5) on conflict do nothing",
        watched.attempt_id,
        start.slurm_job_id,
        start.started_at,
        restart_count,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    if kept.rows_affected() == 0 {
        return Ok(false);
    }
    let first = sqlx::query_scalar!(
        "select min(started_at) from broker.job_start
         where attempt_id = $1 and slurm_job_id = $2 and restart_count = $3 and started_at <> $4",
        watched.attempt_id,
        start.slurm_job_id,
        restart_count,
        start.started_at,
    )
    .fetch_one(&mut *tx)
    .await?;
    match first {
        Some(first) => {
            let (first, second) = (first.min(start.started_at), first.max(start.started_at));
            raise(tx, watched, (start.slurm_job_id, first, second), stamp).await
        }
        None => Ok(false),
    }
}

/// Raises the exception of every second start that slurmdbd's records tell. Returns how many are new.
pub(super) async fn told_by(
    tx: &mut PgConnection,
    watched: &Watched,
    records: &[&JobRecord],
    stamp: &Stamp<'_>,
) -> Result<usize, sqlx::Error> {
    let mut news = 0;
    for second in second_starts(records) {
        news += usize::from(raise(&mut *tx, watched, second, stamp).await?);
    }
    Ok(news)
}

/// A job, its earlier start and the one after it.
type Second = (i64, DateTime<Utc>, DateTime<Utc>);

/// Starts that came after another one of the same job that Slurm had not ended to begin anew.
///
/// A run that was requeued, pre-empted or lost its node is ended by Slurm before the next begins. One
/// without an end, or with an end of its own, had no reason to be followed by another.
fn second_starts(records: &[&JobRecord]) -> Vec<Second> {
    let mut runs: BTreeMap<u32, Vec<&JobRecord>> = BTreeMap::new();
    for &record in records {
        if record.started_at.is_some_and(|at| at > 0) {
            runs.entry(record.job_id).or_default().push(record);
        }
    }
    let mut found = Vec::new();
    for (job_id, mut runs) in runs {
        runs.sort_by_key(|run| (run.submitted_at, run.db_index));
        for pair in runs.windows(2) {
            let [earlier, later] = pair else { continue };
            if made_way(earlier) {
                continue;
            }
            let at = |run: &JobRecord| {
                run.started_at.and_then(|at| DateTime::from_timestamp(at, 0)).unwrap_or_default()
            };
            found.push((i64::from(job_id), at(earlier), at(later)));
        }
    }
    found
}

/// Whether Slurm ended this run to begin anew, if another of the job came after it.
pub(crate) fn made_way(run: &JobRecord) -> bool {
    let ended_by_slurm = matches!(
        run.state,
        JobState::Cancelled
            | JobState::Preempted
            | JobState::NodeFail
            | JobState::BootFail
            | JobState::Unknown
    );
    ended_by_slurm && run.ended_at.is_some()
}

async fn raise(
    tx: &mut PgConnection,
    watched: &Watched,
    (slurm_job_id, first, second): Second,
    stamp: &Stamp<'_>,
) -> Result<bool, sqlx::Error> {
    let distinction = second.timestamp().to_string();
    let found = Found {
        kind: ExceptionKind::SecondStart,
        cluster: &watched.cluster,
        slurm_job_id,
        submitted_at: watched.created_at,
        distinction: &distinction,
        attempt_id: Some(watched.attempt_id),
        facts: json!({
            "first_started_at": first,
            "started_again_at": second,
            "sentence": "the script was started again; what slurmdbd has is charged",
        }),
    };
    let is_new = exception::keep(tx, &found, stamp).await?.is_some();
    if is_new {
        tracing::error!(attempt.id = %watched.attempt_id, slurm.job_id = slurm_job_id,
            first = %first, second = %second,
            "Slurm started a script a second time: slurmctld had not saved the first start");
    }
    Ok(is_new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::run_record as run;

    #[test]
    fn a_run_that_made_way_is_followed_by_another_and_that_is_no_second_start() {
        let last = run(2, JobState::Completed, (50, Some(60)));
        for state in [JobState::Cancelled, JobState::Preempted, JobState::NodeFail] {
            let first = run(1, state, (10, Some(20)));
            assert_eq!(second_starts(&[&last, &first]), []);
        }
    }

    #[test]
    fn a_run_without_an_end_or_with_its_own_is_not_followed_by_another() {
        let last = run(2, JobState::Completed, (50, Some(60)));
        for (state, until) in [(JobState::Running, None), (JobState::Completed, Some(20))] {
            let first = run(1, state, (10, until));
            assert_eq!(second_starts(&[&first, &last]).len(), 1, "{state:?}");
        }
        let another = JobRecord { job_id: 8, ..run(1, JobState::Running, (10, None)) };
        assert_eq!(
            second_starts(&[&another, &last]),
            [],
            "tasks of an array are jobs of their own"
        );
    }
}
