//! Effects on a living job, on a real PostgreSQL and a Slurm that says what it is told.

use record::id;
use slurm_wire::RefusalCode;
use sqlx::PgPool;
use uuid::Uuid;

use crate::outbox::worker::one;
use crate::outbox::{Effect, Takes, want};
use crate::plan::attempt::{self, Attempt, AttemptState};
use crate::plan::keep::{self, Keeper};
use crate::plan::{extend, suspend, wish};
use crate::stage::{Stage, by, day};

/// Carries out everything that is due, one after the other.
async fn work(stage: &Stage) {
    while one(&stage.app, Takes::Everything).await.unwrap() {}
}

async fn extension(stage: &Stage, attempt: &Attempt) -> Uuid {
    let extension_id = id::fresh();
    let mut tx = stage.app.db.begin().await.unwrap();
    let newest = wish::lock(&mut tx, attempt.job_plan_id).await.unwrap();
    let stamp = by(stage.person_id, day(7, 1));
    extend::extend(&mut tx, &newest, (extension_id, 600), &stamp).await.unwrap();
    tx.commit().await.unwrap();
    extension_id
}

#[sqlx::test(migrations = false)]
async fn a_longer_limit_is_granted_once_slurm_has_it(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    extension(&stage, &attempt).await;
    stage.slurm.refuses("set_time_limit", Some(RefusalCode::ControllerUnavailable));
    work(&stage).await;
    assert_eq!(stage.waiting("set_time_limit").await, 1, "silence is no refusal");
    assert_eq!(stage.held_and_settled().await, (2 * 1_260, 0));
    stage.slurm.refuses("set_time_limit", None);
    stage.wait_s(60);
    work(&stage).await;
    assert_eq!(stage.waiting("set_time_limit").await, 0);
    assert_eq!(stage.told("attempt.extended").await, 1);
    let mut tx = db.acquire().await.unwrap();
    let after = attempt::by_id(&mut tx, attempt.attempt_id).await.unwrap();
    assert_eq!(after.spec.time_limit_min, 20);
}

#[sqlx::test(migrations = false)]
async fn a_longer_limit_that_slurm_refuses_goes_back_with_the_reason(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    extension(&stage, &attempt).await;
    stage.slurm.refuses("set_time_limit", Some(RefusalCode::TimeLimitTooLong));
    work(&stage).await;
    assert_eq!(stage.held_and_settled().await, (2 * 660, 0));
    let mut tx = db.acquire().await.unwrap();
    let shown = extend::of_attempt(&mut tx, attempt.attempt_id).await.unwrap();
    assert!(shown[0].refusal.as_deref().unwrap().contains("the test says no"));

    extension(&stage, &attempt).await;
    attempt::advance(&mut tx, attempt.attempt_id, AttemptState::Ended).await.unwrap();
    work(&stage).await;
    assert_eq!(stage.held_and_settled().await, (2 * 660, 0), "it was over before");
    assert_eq!(stage.slurm.heard("set_time_limit"), 1);
}

#[sqlx::test(migrations = false)]
async fn whichever_effect_comes_last_slurm_is_as_it_is_wanted(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let stamp = by(stage.person_id, day(7, 1));
    let mut tx = db.acquire().await.unwrap();
    let newest = wish::lock(&mut tx, attempt.job_plan_id).await.unwrap();
    suspend::suspend(&mut tx, &newest, id::fresh(), &stamp).await.unwrap();
    let newest = wish::lock(&mut tx, attempt.job_plan_id).await.unwrap();
    suspend::resume(&mut tx, &newest, &stamp).await.unwrap();
    work(&stage).await;
    assert_eq!((stage.slurm.heard("suspend"), stage.slurm.heard("resume")), (0, 2));

    let newest = wish::lock(&mut tx, attempt.job_plan_id).await.unwrap();
    suspend::suspend(&mut tx, &newest, id::fresh(), &stamp).await.unwrap();
    let stale = Effect::Resume { attempt_id: attempt.attempt_id };
    want(&mut tx, &stale, id::fresh(), day(7, 1)).await.unwrap();
    work(&stage).await;
    assert_eq!((stage.slurm.heard("suspend"), stage.slurm.heard("resume")), (2, 2));
}

/// Let go on while Slurm was being told to suspend it: it goes on.
#[sqlx::test(migrations = false)]
async fn a_wish_that_changed_while_slurm_was_asked_is_followed_once_more(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let stamp = by(stage.person_id, day(7, 1));
    let mut tx = db.acquire().await.unwrap();
    let newest = wish::lock(&mut tx, attempt.job_plan_id).await.unwrap();
    suspend::suspend(&mut tx, &newest, id::fresh(), &stamp).await.unwrap();
    stage.slurm.during("suspend", {
        let (db, plan, person_id) = (db.clone(), attempt.job_plan_id, stage.person_id);
        async move {
            let mut tx = db.begin().await.unwrap();
            let newest = wish::lock(&mut tx, plan).await.unwrap();
            suspend::resume(&mut tx, &newest, &by(person_id, day(7, 1))).await.unwrap();
            tx.commit().await.unwrap();
        }
    });
    work(&stage).await;
    stage.wait_s(60);
    work(&stage).await;
    assert_eq!(stage.told("attempt.suspended").await, 0, "what was not so is not told");
    assert_eq!((stage.waiting("suspend").await, stage.waiting("resume").await), (0, 0));
    assert_eq!((stage.slurm.heard("suspend"), stage.slurm.heard("resume")), (1, 2));
}

#[sqlx::test(migrations = false)]
async fn a_job_that_cannot_be_suspended_is_not_shown_as_suspended(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let stamp = by(stage.person_id, day(7, 1));
    let mut tx = db.acquire().await.unwrap();
    let newest = wish::lock(&mut tx, attempt.job_plan_id).await.unwrap();
    suspend::suspend(&mut tx, &newest, id::fresh(), &stamp).await.unwrap();
    stage.slurm.refuses("suspend", Some(RefusalCode::SlurmRefused));
    work(&stage).await;
    assert!(!attempt::by_id(&mut tx, attempt.attempt_id).await.unwrap().suspended);
    assert_eq!(stage.told("attempt.suspend_refused").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_hold_that_came_too_late_is_not_shown(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let stamp = by(stage.person_id, day(7, 1));
    let mut tx = db.acquire().await.unwrap();
    let newest = wish::lock(&mut tx, attempt.job_plan_id).await.unwrap();
    let member = Keeper::Member(stage.person_id);
    keep::hold(&mut tx, &newest, member, &stamp).await.unwrap();
    stage.slurm.refuses("hold", Some(RefusalCode::SlurmRefused));
    work(&stage).await;
    assert!(!attempt::by_id(&mut tx, attempt.attempt_id).await.unwrap().held_back);
    assert_eq!(stage.told("attempt.hold_too_late").await, 1);
}

/// Held while a release was on its way to Slurm: it is held there again.
#[sqlx::test(migrations = false)]
async fn a_release_that_crossed_a_hold_does_not_win(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Submitted).await;
    let mut tx = db.acquire().await.unwrap();
    let effect = Effect::Release { attempt_id: attempt.attempt_id };
    want(&mut tx, &effect, id::fresh(), day(7, 1)).await.unwrap();
    stage.slurm.during("release", {
        let (db, plan, person_id) = (db.clone(), attempt.job_plan_id, stage.person_id);
        async move {
            let mut tx = db.begin().await.unwrap();
            let newest = wish::lock(&mut tx, plan).await.unwrap();
            let stamp = by(person_id, day(7, 1));
            keep::hold(&mut tx, &newest, Keeper::Member(person_id), &stamp).await.unwrap();
            tx.commit().await.unwrap();
        }
    });
    work(&stage).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Submitted);
    assert_eq!((stage.slurm.heard("release"), stage.slurm.heard("hold")), (1, 2));
}

#[sqlx::test(migrations = false)]
async fn an_orphan_is_cancelled_and_the_attempts_own_job_never(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Submitted).await;
    let orphan = |job_id, key: &str| Effect::CancelOrphan { job_id, key: key.to_owned() };
    let mut tx = db.acquire().await.unwrap();
    let (own, key) = (attempt.spec.job_id, attempt.spec.key.as_str());
    for effect in [orphan(own, key), orphan(own + 1, "mimer:another:database")] {
        want(&mut tx, &effect, id::fresh(), day(7, 1)).await.unwrap();
    }
    work(&stage).await;
    assert_eq!(stage.slurm.heard("cancel"), 0);
    want(&mut tx, &orphan(own + 1, key), id::fresh(), day(7, 1)).await.unwrap();
    work(&stage).await;
    assert_eq!(stage.slurm.heard("cancel"), 1);

    let in_doubt = stage.attempt_at(AttemptState::Admitted).await;
    sqlx::query("update broker.outbox set done_at = now() where done_at is null")
        .execute(&mut *tx)
        .await
        .unwrap();
    want(&mut tx, &orphan(7, &in_doubt.spec.key), id::fresh(), day(7, 1)).await.unwrap();
    work(&stage).await;
    assert_eq!((stage.slurm.heard("cancel"), stage.waiting("cancel_orphan").await), (1, 1));
}
