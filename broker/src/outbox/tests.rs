//! The outbox on a real PostgreSQL: racing workers, leases, dead letters, cancellations.

mod clusters;
mod crash;
mod doomed;
mod load;
mod order;
mod scene;

use std::collections::HashSet;

use record::id;
use slurm_wire::RefusalCode;
use sqlx::PgPool;
use uuid::Uuid;

use super::worker::one;
use super::*;
use crate::app::App;
use crate::plan::attempt::{self, AttemptState};
use crate::stage::{Stage, day, migrate, wide};

#[test]
fn pauses_double_up_to_half_a_minute_and_are_spread() {
    let outbox_id = id::fresh();
    for (tries, middle_ms) in [(1, 250), (2, 500), (3, 1000), (4, 2000), (9, 30_000), (200, 30_000)]
    {
        let pause_ms = pause_after(Lease { outbox_id, tries }).num_milliseconds();
        assert!((middle_ms * 3 / 4..=middle_ms * 5 / 4).contains(&pause_ms), "{tries}: {pause_ms}");
    }
    let together: HashSet<i64> = (0..100)
        .map(|_| pause_after(Lease { outbox_id: id::fresh(), tries: 8 }).num_milliseconds())
        .collect();
    assert!(together.len() > 50, "a hundred that failed together come back at {}", together.len());
}

fn submit_of(attempt_id: Uuid) -> Effect {
    Effect::Submit { attempt_id }
}

async fn want_one(db: &PgPool, effect: &Effect) {
    want(&mut db.acquire().await.unwrap(), effect, Uuid::nil(), day(7, 1)).await.unwrap();
}

async fn claim_at(db: &PgPool, takes: Takes, now: DateTime<Utc>) -> Option<Claimed> {
    let in_line = claim(&mut db.acquire().await.unwrap(), (takes, "mimer"), now).await.unwrap();
    in_line.map(|in_line| in_line.read().unwrap())
}

/// Carries out what is due until nothing is.
async fn work_off(app: &App) {
    while one(app, Takes::Everything).await.unwrap() {}
}

#[sqlx::test(migrations = false)]
async fn eight_racing_workers_take_each_effect_once(db: PgPool) {
    migrate(&db).await;
    for _ in 0..40 {
        want_one(&db, &submit_of(id::fresh())).await;
    }
    let wide = wide(&db, 8).await;
    let start = std::sync::Arc::new(tokio::sync::Barrier::new(8));
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (db, start) = (wide.clone(), start.clone());
        racers.spawn(async move {
            start.wait().await;
            let mut taken = Vec::new();
            while let Some(claimed) = claim_at(&db, Takes::Everything, day(7, 1)).await {
                taken.push(claimed.lease.outbox_id);
            }
            taken
        });
    }
    let taken: Vec<Uuid> = racers.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 40);
    assert_eq!(taken.iter().collect::<HashSet<_>>().len(), 40);
}

#[sqlx::test(migrations = false)]
async fn a_lease_that_ran_out_is_taken_over_and_its_old_worker_changes_nothing(db: PgPool) {
    migrate(&db).await;
    want_one(&db, &submit_of(id::fresh())).await;
    let (begun, over) = (day(7, 1), day(7, 1) + LEASE);
    let first = claim_at(&db, Takes::Everything, begun).await.unwrap();
    assert!(claim_at(&db, Takes::Everything, begun + LEASE / 2).await.is_none());
    let second = claim_at(&db, Takes::Everything, over).await.unwrap();
    assert_eq!((first.lease.tries, second.lease.tries), (1, 2));

    // The first comes back from wherever it was: its word about the effect is out of date.
    let mut connection = db.acquire().await.unwrap();
    later(&mut connection, first.lease, 1, "too late", over).await.unwrap();
    renew(&mut connection, first.lease, over + LEASE).await.unwrap();
    let said: Option<String> =
        sqlx::query_scalar("select last_error from broker.outbox").fetch_one(&db).await.unwrap();
    assert_eq!(said, None);
    assert!(claim_at(&db, Takes::Everything, over + LEASE / 2).await.is_none());
    done(&mut connection, second.lease.outbox_id, over).await.unwrap();
    later(&mut connection, second.lease, 1, "after it was done", over).await.unwrap();
    let dead: i64 = sqlx::query_scalar(
        "select count(*) from broker.outbox where done_at is null or gave_up_at is not null",
    )
    .fetch_one(&db)
    .await
    .unwrap();
    assert_eq!(dead, 0);
}

#[sqlx::test(migrations = false)]
async fn a_dead_letter_waits_until_somebody_retries_it(db: PgPool) {
    migrate(&db).await;
    want_one(&db, &submit_of(id::fresh())).await;
    let claimed = claim_at(&db, Takes::Everything, day(7, 1)).await.unwrap();
    let outbox_id = claimed.lease.outbox_id;
    let mut connection = db.acquire().await.unwrap();
    assert!(!retry(&mut connection, outbox_id, day(7, 2)).await.unwrap(), "it is not dead yet");
    later(&mut connection, claimed.lease, 1, "no", day(7, 1)).await.unwrap();
    assert!(claim_at(&db, Takes::Everything, day(7, 2)).await.is_none());
    assert!(retry(&mut connection, outbox_id, day(7, 2)).await.unwrap());
    assert!(claim_at(&db, Takes::Everything, day(7, 2)).await.is_some());
}

#[sqlx::test(migrations = false)]
async fn transfers_leave_workers_free_for_what_is_short(db: PgPool) {
    migrate(&db).await;
    want_one(&db, &Effect::FetchLink { link_id: id::fresh() }).await;
    want_one(&db, &Effect::Cancel { attempt_id: id::fresh() }).await;
    let short = claim_at(&db, Takes::ShortOnly, day(7, 1)).await.unwrap();
    assert_eq!(short.effect.name(), "cancel");
    assert!(claim_at(&db, Takes::ShortOnly, day(7, 1)).await.is_none());
    assert!(claim_at(&db, Takes::Everything, day(7, 1)).await.is_some());
}

#[sqlx::test(migrations = false)]
async fn an_effect_of_another_release_is_put_off_with_its_reason(db: PgPool) {
    let stage = Stage::set(&db).await;
    sqlx::query(
        "insert into broker.outbox (outbox_id, effect, trace_id, next_at)
         values (gen_random_uuid(), '{\"effect\": \"fly\"}', gen_random_uuid(), $1)",
    )
    .bind(day(7, 1))
    .execute(&db)
    .await
    .unwrap();
    assert!(one(&stage.app, Takes::Everything).await.unwrap());
    let reason: String =
        sqlx::query_scalar("select last_error from broker.outbox").fetch_one(&db).await.unwrap();
    assert!(reason.contains("does not know the effect"), "{reason}");
    assert!(!one(&stage.app, Takes::Everything).await.unwrap(), "it waits its pause");
}

/// Wants an attempt stopped as the API does.
async fn cancel(stage: &Stage, attempt_id: Uuid) {
    let mut tx = stage.app.db.begin().await.unwrap();
    assert!(attempt::want_cancelled(&mut tx, attempt_id, "withdrawn").await.unwrap());
    assert!(!attempt::want_cancelled(&mut tx, attempt_id, "again").await.unwrap());
    let effect = Effect::Cancel { attempt_id };
    want(&mut tx, &effect, Uuid::nil(), stage.app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

#[sqlx::test(migrations = false)]
async fn a_job_cancelled_before_it_was_sent_never_reaches_slurm(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    assert_eq!(stage.held_and_settled().await, (2 * 660, 0));
    cancel(&stage, attempt.attempt_id).await;
    // The cancellation is taken up first.
    sqlx::query("update broker.outbox set next_at = next_at - interval '1 s' where effect->>'effect' = 'cancel'")
        .execute(&db)
        .await
        .unwrap();
    work_off(&stage.app).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Cancelled);
    assert_eq!(stage.held_and_settled().await, (0, 0));
    assert_eq!((stage.slurm.heard("submit"), stage.slurm.heard("cancel")), (0, 0));
}

#[sqlx::test(migrations = false)]
async fn a_job_cancelled_while_its_submission_is_in_doubt_is_cancelled_in_slurm(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    stage.slurm.refuses("submit", Some(RefusalCode::ControllerUnavailable));
    stage.slurm.refuses("cancel", Some(RefusalCode::UnknownJob));
    work_off(&stage.app).await;
    cancel(&stage, attempt.attempt_id).await;
    work_off(&stage.app).await;
    // Nobody knows whether slurmctld took the job, so nothing is given back.
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Admitted);
    assert_eq!(stage.held_and_settled().await, (2 * 660, 0));

    stage.slurm.refuses("submit", None);
    stage.slurm.refuses("cancel", None);
    stage.wait_s(31);
    work_off(&stage.app).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Submitted);
    assert_eq!((stage.waiting("submit").await, stage.waiting("cancel").await), (0, 0));
    assert_eq!(stage.slurm.heard("release"), 0);
}

#[sqlx::test(migrations = false)]
async fn a_refused_submission_gives_the_hold_back_also_while_a_cancellation_waits(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    stage.slurm.refuses("submit", Some(RefusalCode::ControllerUnavailable));
    work_off(&stage.app).await;
    stage.slurm.refuses("submit", Some(RefusalCode::SlurmRefused));
    stage.slurm.refuses("cancel", Some(RefusalCode::UnknownJob));
    cancel(&stage, attempt.attempt_id).await;
    stage.wait_s(31);
    work_off(&stage.app).await;
    stage.wait_s(31);
    work_off(&stage.app).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Refused);
    assert_eq!(stage.held_and_settled().await, (0, 0));
    assert_eq!(stage.waiting("cancel").await, 0);
    assert_eq!(stage.told("hold.release").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_gateway_that_knows_another_caller_refuses_no_job_for_good(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    stage.slurm.refuses("submit", Some(RefusalCode::CallerNotAllowed));
    work_off(&stage.app).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Admitted);
    assert_eq!(stage.waiting("submit").await, 1);
}

#[sqlx::test(migrations = false)]
async fn releasing_twice_is_told_once(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Submitted).await;
    for _ in 0..2 {
        want_one(&db, &Effect::Release { attempt_id: attempt.attempt_id }).await;
    }
    work_off(&stage.app).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Released);
    assert_eq!(stage.told("attempt.released").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_job_whose_qos_slurm_does_not_have_yet_wakes_the_keeper_and_goes_again(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    stage.slurm.refuses("submit", Some(RefusalCode::NotKnownToSlurmYet));
    work_off(&stage.app).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Admitted);
    let rung = stage.app.cluster_wake.notified();
    tokio::time::timeout(std::time::Duration::from_secs(1), rung).await.unwrap();

    stage.slurm.refuses("submit", None);
    stage.wait_s(1);
    work_off(&stage.app).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Submitted);
}

#[sqlx::test(migrations = false)]
async fn a_nudge_reaches_slurm_for_a_job_that_waits_and_for_no_other(db: PgPool) {
    let stage = Stage::set(&db).await;
    for (state, nudges) in [
        (AttemptState::Submitted, 0),
        (AttemptState::Released, 1),
        (AttemptState::Running, 1),
        (AttemptState::Settled, 1),
    ] {
        let attempt = stage.attempt_at(state).await;
        want_one(&db, &Effect::Nudge { attempt_id: attempt.attempt_id }).await;
        work_off(&stage.app).await;
        assert_eq!(stage.slurm.heard("nudge"), nudges, "{state:?}");
    }
    let gone = stage.attempt_at(AttemptState::Released).await;
    stage.slurm.refuses("nudge", Some(RefusalCode::UnknownJob));
    want_one(&db, &Effect::Nudge { attempt_id: gone.attempt_id }).await;
    work_off(&stage.app).await;
    assert_eq!(stage.waiting("nudge").await, 0);
}
