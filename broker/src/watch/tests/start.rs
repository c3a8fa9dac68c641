//! Second starts: seen in slurmctld, told by slurmdbd, charged by what slurmdbd has.

use exception::ExceptionKind;
use sqlx::PgPool;

use super::*;

async fn start_count(db: &PgPool) -> i32 {
    sqlx::query_scalar("select start_count from broker.attempt").fetch_one(db).await.unwrap()
}

#[sqlx::test(migrations = false)]
async fn another_start_with_the_same_restart_count_is_a_second_start(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Released, JobState::Running).await;
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 3).await;
    let again = row.started_at.map(|at| at + 30);
    stage.slurm.has_jobs(vec![JobRow { started_at: again, ..row.clone() }]);
    watcher.look_for(&stage, 3).await;
    // The next mimerd sees the same and tells it not once more.
    Watcher::default().look_for(&stage, 3).await;
    let [found] = exceptions(&stage).await.try_into().unwrap();
    assert_eq!(
        (found.kind, found.attempt_id),
        (ExceptionKind::SecondStart, Some(attempt.attempt_id))
    );
    assert_eq!(start_count(&db).await, 2);

    // Charged is what slurmdbd has: one record, of the second start.
    let ended_at = again.map(|at| at + 60);
    let over = JobRow { started_at: again, ended_at, ..job_row(&attempt, JobState::Completed) };
    stage.slurm.has_jobs(vec![over]);
    let record = record_of(&attempt, JobState::Completed);
    stage.slurm.has_records(vec![JobRecord { started_at: again, ended_at, ..record }]);
    watcher.look_for(&stage, 6).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.held_and_settled().await, (0, 120));
    assert_eq!(exceptions(&stage).await.len(), 1);
}

#[sqlx::test(migrations = false)]
async fn a_start_after_a_requeue_is_no_second_start(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (_, row) = shown(&stage, AttemptState::Released, JobState::Running).await;
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 2).await;
    let again = row.started_at.map(|at| at + 30);
    stage.slurm.has_jobs(vec![JobRow { started_at: again, restart_count: 1, ..row }]);
    watcher.look_for(&stage, 2).await;
    assert_eq!(exceptions(&stage).await, []);
    assert_eq!(start_count(&db).await, 2);
    let held: Vec<(bool, bool)> = sqlx::query_as(
        "select until_at is null, slurm_job_id is not null from broker.assignment order by from_at",
    )
    .fetch_all(&db)
    .await
    .unwrap();
    assert_eq!(
        held,
        [(false, true), (false, true), (true, true), (true, true)],
        "each start has its own"
    );
}

/// Nobody saw the first start: slurmctld died, the job was submitted again under its id, and only
/// slurmdbd has both. It is asked for all it has, because the job was given to Slurm twice.
#[sqlx::test(migrations = false)]
async fn a_second_start_that_only_slurmdbd_saw_is_told(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Released, JobState::Completed).await;
    sqlx::query("update broker.outbox set tries = 2 where effect->>'effect' = 'submit'")
        .execute(&db)
        .await
        .unwrap();
    let first = record_at(&attempt, JobState::Running, (1, 0, None));
    let last = record_at(&attempt, JobState::Completed, (2, 100, Some(160)));
    stage.slurm.has_jobs(vec![JobRow {
        submitted_at: last.submitted_at,
        started_at: last.started_at,
        ended_at: last.ended_at,
        ..row
    }]);
    stage.slurm.has_records(vec![first, last]);
    Watcher::default().look_for(&stage, 3).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.held_and_settled().await, (0, 120), "what has no end is not charged");
    let [found] = exceptions(&stage).await.try_into().unwrap();
    assert_eq!(found.kind, ExceptionKind::SecondStart);
}
