//! Effects of one attempt that overtake each other, because a worker stalled in the middle of one.

use std::sync::Arc;

use slurm_wire::RefusalCode;
use sqlx::PgPool;

use super::{cancel, want_one, work_off};
use crate::app::App;
use crate::outbox::crash::{Pass, Run, Step};
use crate::outbox::worker::one;
use crate::outbox::{Effect, LEASE, Takes};
use crate::plan::attempt::{self, Attempt, AttemptState};
use crate::stage::{Stage, by};

/// A worker that takes up the effect that is due and stalls just before it asks Slurm.
struct Stalled {
    run: Arc<Run>,
    work: tokio::task::JoinHandle<()>,
}

impl Stalled {
    async fn before_asking(app: &App) -> Self {
        let run = Run::until(Some(Pass { step: Step::Asking, time: 1 }));
        let (its, app) = (Arc::clone(&run), app.clone());
        let work = tokio::spawn(async move {
            assert!(its.over(one(&app, Takes::Everything)).await.unwrap());
        });
        run.dead().await;
        Self { run, work }
    }

    async fn goes_on(self) {
        self.run.go_on();
        self.work.await.unwrap();
    }
}

/// The calls that Slurm heard about jobs.
fn calls(stage: &Stage) -> Vec<String> {
    stage.slurm.calls()
}

async fn hold_back(stage: &Stage, attempt: &Attempt, by: Option<uuid::Uuid>) {
    sqlx::query("update broker.attempt set held_back_by = $2 where attempt_id = $1")
        .bind(attempt.attempt_id)
        .bind(by)
        .execute(&stage.app.db)
        .await
        .unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_release_that_a_policy_overtook_is_held_again(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Submitted).await;
    let attempt_id = attempt.attempt_id;
    want_one(&db, &Effect::Release { attempt_id }).await;
    let stalled = Stalled::before_asking(&stage.app).await;
    hold_back(&stage, &attempt, Some(stage.person_id)).await;
    want_one(&db, &Effect::Hold { attempt_id }).await;
    work_off(&stage.app).await;
    assert_eq!(calls(&stage), ["hold"]);

    stalled.goes_on().await;
    work_off(&stage.app).await;
    assert_eq!(calls(&stage), ["hold", "release", "hold"]);
    assert_eq!((stage.waiting("hold").await, stage.waiting("release").await), (0, 0));
}

#[sqlx::test(migrations = false)]
async fn nothing_is_released_that_is_held_back_or_to_be_cancelled(db: PgPool) {
    let stage = Stage::set(&db).await;
    let held = stage.attempt_at(AttemptState::Submitted).await;
    hold_back(&stage, &held, Some(stage.person_id)).await;
    want_one(&db, &Effect::Release { attempt_id: held.attempt_id }).await;
    work_off(&stage.app).await;
    let stopped = stage.attempt_at(AttemptState::Submitted).await;
    cancel(&stage, stopped.attempt_id).await;
    want_one(&db, &Effect::Release { attempt_id: stopped.attempt_id }).await;
    work_off(&stage.app).await;
    assert_eq!(calls(&stage), ["cancel"]);
    assert_eq!(stage.waiting("release").await, 0);
}

#[sqlx::test(migrations = false)]
async fn a_hold_that_is_no_longer_wanted_holds_nothing(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    hold_back(&stage, &attempt, None).await;
    want_one(&db, &Effect::Hold { attempt_id: attempt.attempt_id }).await;
    work_off(&stage.app).await;
    assert_eq!(calls(&stage), [""; 0]);
}

#[sqlx::test(migrations = false)]
async fn a_cancellation_waits_for_a_submission_that_is_on_its_way(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    let stalled = Stalled::before_asking(&stage.app).await;
    cancel(&stage, attempt.attempt_id).await;
    stage.slurm.refuses("cancel", Some(RefusalCode::UnknownJob));
    work_off(&stage.app).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Admitted, "nobody knows yet");
    assert_eq!(stage.waiting("cancel").await, 1);

    stalled.goes_on().await;
    stage.slurm.refuses("cancel", None);
    stage.wait_s(1);
    work_off(&stage.app).await;
    assert_eq!(calls(&stage), ["cancel", "submit", "cancel"]);
    assert_eq!((stage.waiting("submit").await, stage.waiting("cancel").await), (0, 0));
}

/// A worker stalls for longer than its lease, and another carries the same effect out meanwhile.
#[sqlx::test(migrations = false)]
async fn what_two_workers_carried_out_is_told_once(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    let stalled = Stalled::before_asking(&stage.app).await;
    stage.app.clock.advance(LEASE);
    work_off(&stage.app).await;
    stalled.goes_on().await;
    assert_eq!(calls(&stage), ["submit", "submit"], "under one id and one mark");
    assert_eq!(stage.slurm.submitted().len(), 1);
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Submitted);
    assert_eq!(stage.told("attempt.submitted").await, 1);
}

/// A worker stalls before it submits, for as long as an attempt's whole life. When it goes on, Slurm
/// has forgotten the id, and makes the job anew.
#[sqlx::test(migrations = false)]
async fn a_submission_that_comes_after_the_end_is_taken_back(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    let stalled = Stalled::before_asking(&stage.app).await;
    stage.app.clock.advance(LEASE);
    work_off(&stage.app).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Submitted);
    end(&stage, &attempt).await;

    stage.slurm.refuses("cancel", Some(RefusalCode::ControllerUnavailable));
    stalled.goes_on().await;
    assert_eq!(calls(&stage), ["submit", "submit", "cancel"]);
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Cancelled);
    assert_eq!(stage.told("attempt.submitted").await, 1);
}

/// The same, and mimerd dies between the job and its cancellation.
#[sqlx::test(migrations = false)]
async fn a_submission_after_the_end_is_taken_back_also_by_the_next_mimerd(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    let stalled = Stalled::before_asking(&stage.app).await;
    end(&stage, &attempt).await;
    stalled.work.abort();
    stage.app.clock.advance(LEASE);
    work_off(&stage.app).await;
    assert_eq!(calls(&stage), ["cancel"], "nobody knows how far the dead one came");
    assert_eq!(stage.waiting("submit").await, 0);
    assert_eq!(stage.held_and_settled().await, (0, 0));
}

async fn end(stage: &Stage, attempt: &Attempt) {
    let stamp = by(stage.person_id, stage.app.clock.now());
    let mut tx = stage.app.db.begin().await.unwrap();
    let cancelled = AttemptState::Cancelled;
    attempt::ended_without_run(&mut tx, attempt, cancelled, "gone", &stamp).await.unwrap();
    tx.commit().await.unwrap();
}
