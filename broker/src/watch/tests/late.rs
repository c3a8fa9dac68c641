//! Records of attempts that are over.

use exception::ExceptionKind;
use sqlx::PgPool;

use super::*;

/// An attempt that was settled with one run of 60 seconds on two GPUs.
async fn settled(stage: &Stage, watcher: &mut Watcher) -> (Attempt, JobRecord) {
    let (attempt, _) = shown(stage, AttemptState::Running, JobState::Completed).await;
    let record = record_of(&attempt, JobState::Completed);
    stage.slurm.has_records(vec![record.clone()]);
    watcher.look_for(stage, 6).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    (attempt, record)
}

#[sqlx::test(migrations = false)]
async fn a_row_that_comes_late_is_charged_once(db: PgPool) {
    let stage = Stage::set(&db).await;
    let mut watcher = Watcher::default();
    let (attempt, record) = settled(&stage, &mut watcher).await;
    let late = record_at(&attempt, JobState::NodeFail, (99, -100, Some(-90)));
    let late = JobRecord { state: JobState::Preempted, ..late };
    stage.slurm.has_records(vec![record, late]);
    watcher.look_for(&stage, 6).await;
    Watcher::default().look_for(&stage, 6).await;
    assert_eq!(stage.held_and_settled().await, (0, 120 + 20));
    assert_eq!(runs(&stage).await, (140, 2));
}

#[sqlx::test(migrations = false)]
async fn a_row_that_was_edited_is_told_and_the_charge_stands(db: PgPool) {
    let stage = Stage::set(&db).await;
    let mut watcher = Watcher::default();
    let (attempt, record) = settled(&stage, &mut watcher).await;
    let edited = JobRecord { ended_at: record.ended_at.map(|at| at + 3_600), ..record.clone() };
    stage.slurm.has_records(vec![edited.clone()]);
    watcher.look_for(&stage, 6).await;
    Watcher::default().look_for(&stage, 6).await;
    let [found] = exceptions(&stage).await.try_into().unwrap();
    assert_eq!(
        (found.kind, found.attempt_id),
        (ExceptionKind::EditedRecord, Some(attempt.attempt_id))
    );
    assert_eq!(stage.held_and_settled().await, (0, 120));

    // Edited once more: another exception. What is no figure of the charge is no edit of it.
    stage.slurm.has_records(vec![JobRecord { suspended_s: 5, ..edited }]);
    watcher.look_for(&stage, 6).await;
    assert_eq!(exceptions(&stage).await.len(), 2);
    stage.slurm.has_records(vec![JobRecord { user: Some("renamed".to_owned()), ..record }]);
    watcher.look_for(&stage, 6).await;
    assert_eq!(exceptions(&stage).await.len(), 2);
}

/// slurmctld told slurmdbd of its start once more, when it held nothing any more (22.05).
#[sqlx::test(migrations = false)]
async fn a_row_that_lost_its_gpus_is_told_and_the_charge_stands(db: PgPool) {
    let stage = Stage::set(&db).await;
    let mut watcher = Watcher::default();
    let (_, record) = settled(&stage, &mut watcher).await;
    stage.slurm.has_records(vec![JobRecord { tres: [].into(), ..record }]);
    watcher.look_for(&stage, 6).await;
    Watcher::default().look_for(&stage, 6).await;
    let [found] = exceptions(&stage).await.try_into().unwrap();
    assert_eq!(found.kind, ExceptionKind::EditedRecord);
    assert_eq!(stage.held_and_settled().await, (0, 120));
}

#[sqlx::test(migrations = false)]
async fn a_row_that_lost_its_gpus_before_it_was_charged_is_charged_as_it_was(db: PgPool) {
    let stage = Stage::set(&db).await;
    let mut watcher = Watcher::default();
    let (attempt, row) = shown(&stage, AttemptState::Running, JobState::Running).await;
    let record = record_of(&attempt, JobState::Completed);
    stage.slurm.has_records(vec![record.clone()]);
    watcher.look_for(&stage, 6).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Running);
    stage.slurm.has_records(vec![JobRecord { tres: [].into(), ..record }]);
    stage.slurm.has_jobs(vec![JobRow { state: JobState::Completed, ..row }]);
    watcher.look_for(&stage, 30).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.held_and_settled().await, (0, 120));
}

/// The row is outside of what is read as it ends; the slow second reading comes by.
#[sqlx::test(migrations = false)]
async fn a_row_of_last_week_is_found_by_the_second_reading(db: PgPool) {
    let stage = Stage::set(&db).await;
    let mut watcher = Watcher::default();
    let (attempt, record) = settled(&stage, &mut watcher).await;
    stage.slurm.ends_by_time();
    let late = record_at(&attempt, JobState::Preempted, (99, -300_000, Some(-299_990)));
    stage.slurm.has_records(vec![record, late]);
    // One stretch of an hour each minute over 35 days.
    for _ in 0..35 * 24 {
        watcher.look(&stage.app).await.unwrap();
        stage.wait_s(60);
    }
    assert_eq!(stage.held_and_settled().await, (0, 120 + 20));
}

/// mimerd was away for three hours: what ended meanwhile is read in stretches, none left out.
#[sqlx::test(migrations = false)]
async fn what_ended_while_nobody_looked_is_read_in_stretches(db: PgPool) {
    let stage = Stage::set(&db).await;
    stage.slurm.ends_by_time();
    let attempt = stage.attempt_at(AttemptState::Running).await;
    stage.slurm.has_jobs(vec![job_row(&attempt, JobState::Running)]);
    Watcher::default().look_for(&stage, 2).await;
    let started_at = Some(stage.app.clock.now().timestamp());
    stage.wait_s(3_600);
    let ended_at = Some(stage.app.clock.now().timestamp());
    stage.wait_s(7_200);
    let row = job_row(&attempt, JobState::Completed);
    stage.slurm.has_jobs(vec![JobRow { started_at, ended_at, ..row }]);
    let record = record_of(&attempt, JobState::Completed);
    stage.slurm.has_records(vec![JobRecord { started_at, ended_at, ..record }]);
    Watcher::default().look_for(&stage, 8).await;
    assert_eq!(stage.slurm.heard("read_records"), 0, "nobody had to ask for it by its id");
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
}
