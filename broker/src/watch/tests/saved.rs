//! What slurmctld acknowledged and had not saved when it died: an end, a release, a longer limit.

use std::sync::Arc;

use sqlx::PgPool;

use super::*;

#[sqlx::test(migrations = false)]
async fn an_end_that_slurmctld_may_still_forget_is_not_settled(db: PgPool) {
    let mut stage = Stage::set(&db).await;
    Arc::make_mut(&mut stage.app.config).duties.settle_after_s = 7;
    let (attempt, row) = shown(&stage, AttemptState::Running, JobState::Completed).await;
    stage.slurm.has_records(vec![record_of(&attempt, JobState::Completed)]);
    let held = stage.held_and_settled().await;
    assert!(held.0 > 0);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 6).await;
    assert_eq!(stage.held_and_settled().await, held, "it is not saved for sure");
    // It died, and believes that the job runs on.
    stage.slurm.has_jobs(vec![JobRow { state: JobState::Running, ..row.clone() }]);
    watcher.look_for(&stage, 60).await;
    assert_eq!(stage.held_and_settled().await, held);
    // Then it learns that no node has it, and slurmdbd's record is written over.
    stage.slurm.has_jobs(vec![JobRow { state: JobState::NodeFail, ..row }]);
    stage.slurm.has_records(vec![record_of(&attempt, JobState::NodeFail)]);
    watcher.look_for(&stage, 30).await;
    assert_eq!(stage.held_and_settled().await, (0, 0), "what the machine broke is not charged");
    assert_eq!(runs(&stage).await, (120, 1), "and it is recorded as slurmdbd has it");
}

#[sqlx::test(migrations = false)]
async fn a_release_that_slurmctld_forgot_is_made_again(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Released, JobState::Pending).await;
    released(&db, &stage, &attempt).await;
    // As it was seen while it was held for its release: that is no news.
    stage.slurm.has_jobs(vec![JobRow { held: true, ..row.clone() }]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 1).await;
    stage.slurm.has_jobs(vec![row.clone()]);
    watcher.look_for(&stage, 3).await;
    assert_eq!(stage.waiting("release").await, 0, "it waits for a node, and nobody holds it");
    stage.slurm.has_jobs(vec![JobRow { held: true, ..row }]);
    watcher.look_for(&stage, 3).await;
    assert_eq!(stage.waiting("release").await, 1);
    watcher.look_for(&stage, 3).await;
    assert_eq!(stage.waiting("release").await, 1, "once is enough");
    assert_eq!(stage.told("attempt.release_lost").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_release_that_was_forgotten_before_anybody_saw_it_is_made_again(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Submitted, JobState::Pending).await;
    stage.slurm.has_jobs(vec![JobRow { held: true, ..row.clone() }]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 1).await;
    assert_eq!(stage.waiting("release").await, 1, "nothing holds it back");
    // Released and forgotten between two looks: slurmctld shows what it showed before.
    sqlx::query("update broker.outbox set done_at = $1 where effect->>'effect' = 'release'")
        .bind(stage.app.clock.now())
        .execute(&db)
        .await
        .unwrap();
    sqlx::query("update broker.attempt set state = 'released' where attempt_id = $1")
        .bind(attempt.attempt_id)
        .execute(&db)
        .await
        .unwrap();
    watcher.look_for(&stage, 8).await;
    assert_eq!(stage.told("attempt.release_lost").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_job_that_somebody_held_by_hand_stays_held(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Released, JobState::Pending).await;
    released(&db, &stage, &attempt).await;
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 100).await;
    stage.slurm.has_jobs(vec![JobRow { held: true, ..row }]);
    watcher.look_for(&stage, 10).await;
    assert_eq!(stage.waiting("release").await, 0);
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Released);
}

/// The release of the attempt went through just now.
async fn released(db: &PgPool, stage: &Stage, attempt: &Attempt) {
    sqlx::query(
        "insert into broker.outbox (outbox_id, effect, trace_id, next_at, done_at)
         values ($1, $2, $1, $3, $3)",
    )
    .bind(record::id::fresh())
    .bind(serde_json::json!({ "effect": "release", "attempt_id": attempt.attempt_id }))
    .bind(stage.app.clock.now())
    .execute(db)
    .await
    .unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_longer_limit_that_slurmctld_forgot_is_told_again(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Running, JobState::Running).await;
    let limit = attempt.spec.time_limit_min;
    let row_with = |time_limit_min| JobRow { time_limit_min: Some(time_limit_min), ..row.clone() };
    stage.slurm.has_jobs(vec![row_with(limit)]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 1).await;
    extended(&db, &stage, &attempt, limit + 60).await;
    stage.slurm.has_jobs(vec![row_with(limit + 60)]);
    watcher.look_for(&stage, 6).await;
    assert_eq!(stage.waiting("set_time_limit").await, 0, "slurmctld has it");
    stage.slurm.has_jobs(vec![row_with(limit)]);
    watcher.look_for(&stage, 3).await;
    assert_eq!(stage.waiting("set_time_limit").await, 1);
    watcher.look_for(&stage, 3).await;
    assert_eq!(stage.waiting("set_time_limit").await, 1, "once is enough");
    assert_eq!(stage.told("attempt.extension_lost").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_limit_that_somebody_lowered_by_hand_stays(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Running, JobState::Running).await;
    let limit = attempt.spec.time_limit_min;
    let row_with = |time_limit_min| JobRow { time_limit_min: Some(time_limit_min), ..row.clone() };
    extended(&db, &stage, &attempt, limit + 60).await;
    stage.slurm.has_jobs(vec![row_with(limit + 60)]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 100).await;
    stage.slurm.has_jobs(vec![row_with(limit)]);
    watcher.look_for(&stage, 10).await;
    assert_eq!(stage.waiting("set_time_limit").await, 0);
}

/// Slurm acknowledged a longer limit just now.
async fn extended(db: &PgPool, stage: &Stage, attempt: &Attempt, limit_min: u32) {
    let now = stage.app.clock.now();
    sqlx::query(
        "insert into broker.extension (extension_id, attempt_id, extra_s, gpu_seconds, usek,
             wanted_by, wanted_at, granted_at)
         values ($1, $2, 3600, 3600, 0, $1, $3, $3)",
    )
    .bind(record::id::fresh())
    .bind(attempt.attempt_id)
    .bind(now)
    .execute(db)
    .await
    .unwrap();
    sqlx::query(
        "update broker.attempt set spec = spec || jsonb_build_object('time_limit_min', $2::bigint)
         where attempt_id = $1",
    )
    .bind(attempt.attempt_id)
    .bind(i64::from(limit_min))
    .execute(db)
    .await
    .unwrap();
}
