//! Acting at a limit on a real PostgreSQL, with a Slurm that says what it is told.

use quotas::limit::policy::NewLimitPolicy;
use record::{GpuSeconds, id};
use sqlx::PgPool;

use super::*;
use crate::stage::{Stage, by};

/// The agency of the stage's project decides on the steps.
async fn decide(stage: &Stage, steps: &[(i64, Action)], dry_run: bool) {
    let mut tx = stage.app.db.begin().await.unwrap();
    let project = quotas::project::by_id(&mut tx, stage.project_id).await.unwrap().unwrap();
    let decider = id::fresh();
    let step = |&(at_percent, action): &(i64, Action)| Step { at_percent, action };
    let new = NewLimitPolicy {
        limit_policy_id: id::fresh(),
        agency_id: project.agency_id,
        steps: steps.iter().map(step).collect(),
        dry_run,
        decided_by: decider,
    };
    policy::decide(&mut tx, &new, &by(decider, stage.app.clock.now())).await.unwrap();
    tx.commit().await.unwrap();
}

/// Uses so much of the grant's 100 GPU-hours.
async fn uses(stage: &Stage, gpu_seconds: i64) {
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let mut tx = stage.app.db.begin().await.unwrap();
    let now = stage.app.clock.now();
    let run = accounting::hold::NewRun {
        run_id: id::fresh(),
        cluster: "mimer".to_owned(),
        slurm_job_id: i64::from(attempt.spec.job_id),
        db_index: i64::from(attempt.spec.job_id),
        started_at: now - chrono::TimeDelta::hours(1),
        ended_at: now,
        gpu_count: 2,
        gpu_seconds: GpuSeconds::new(gpu_seconds).unwrap(),
        state: "COMPLETED".to_owned(),
        chargeable: true,
        observation_id: id::fresh(),
    };
    let settle = accounting::hold::Settle { hold_id: attempt.hold_id, runs: vec![run] };
    accounting::hold::settle(&mut tx, &settle, &by(stage.person_id, now)).await.unwrap();
    sqlx::query("update broker.attempt set state = 'settled' where attempt_id = $1")
        .bind(attempt.attempt_id)
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

const STEPS: [(i64, Action); 3] =
    [(80, Action::Warn), (90, Action::HoldPending), (95, Action::CancelRunning)];

#[sqlx::test(migrations = false)]
async fn a_dry_run_records_everything_and_does_nothing(db: PgPool) {
    let stage = Stage::set(&db).await;
    let waiting = stage.attempt_at(AttemptState::Released).await;
    let running = stage.attempt_at(AttemptState::Running).await;
    decide(&stage, &STEPS, true).await;
    look(&stage.app).await.unwrap();
    assert_eq!(stage.told("limit_action.take").await, 0, "nothing is used yet");

    uses(&stage, 96 * 3_600).await;
    look(&stage.app).await.unwrap();
    look(&stage.app).await.unwrap();
    assert_eq!(stage.told("limit_action.take").await, 3, "one of each, once");
    assert_eq!((stage.waiting("hold").await, stage.waiting("cancel").await), (0, 0));
    assert_eq!(stage.state_of(&waiting).await, AttemptState::Released);
    assert_eq!(stage.state_of(&running).await, AttemptState::Running);
}

#[sqlx::test(migrations = false)]
async fn what_was_tried_dry_is_then_done(db: PgPool) {
    let stage = Stage::set(&db).await;
    let waiting = stage.attempt_at(AttemptState::Released).await;
    let running = stage.attempt_at(AttemptState::Running).await;
    uses(&stage, 96 * 3_600).await;
    decide(&stage, &STEPS, true).await;
    stage.wait_s(60);
    decide(&stage, &STEPS, false).await;
    look(&stage.app).await.unwrap();
    look(&stage.app).await.unwrap();
    assert_eq!(stage.waiting("hold").await, 1);
    assert_eq!(stage.waiting("cancel").await, 1);
    assert_eq!(stage.state_of(&waiting).await, AttemptState::Submitted);
    let attempts = attempt::open(&mut db.acquire().await.unwrap()).await.unwrap();
    let of = |id| attempts.iter().find(|it| it.attempt_id == id).unwrap();
    assert!(of(waiting.attempt_id).held_back);
    assert!(of(running.attempt_id).cancel_wanted);
}

#[sqlx::test(migrations = false)]
async fn a_policy_that_ends_lets_go_what_it_held(db: PgPool) {
    let stage = Stage::set(&db).await;
    let waiting = stage.attempt_at(AttemptState::Released).await;
    uses(&stage, 96 * 3_600).await;
    decide(&stage, &STEPS, true).await;
    stage.wait_s(60);
    decide(&stage, &STEPS, false).await;
    look(&stage.app).await.unwrap();
    stage.wait_s(60);
    decide(&stage, &[], false).await;
    look(&stage.app).await.unwrap();
    let attempt =
        attempt::by_id(&mut db.acquire().await.unwrap(), waiting.attempt_id).await.unwrap();
    assert!(!attempt.held_back);
    assert_eq!(attempt.state, AttemptState::Submitted, "the watcher releases it");
}
