//! The watcher on a real PostgreSQL and a Slurm that says what it is told.

use slurm_wire::{JobRow, JobState, RefusalCode};
use sqlx::PgPool;

use super::lost::Lost;
use super::*;
use crate::plan::attempt::AttemptState;
use crate::stage::{Stage, job_row, record_of};

#[sqlx::test(migrations = false)]
async fn two_watchers_that_see_the_same_end_settle_it_once(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    stage.slurm.has_jobs(vec![job_row(&attempt, JobState::Completed)]);
    stage.slurm.has_records(vec![record_of(&attempt, JobState::Completed)]);
    let mut watchers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let app = stage.app.clone();
        watchers.spawn(async move { tick(&app, &mut Lost::default()).await.unwrap() });
    }
    watchers.join_all().await;
    // One that looked before the others were done comes last: the settled attempt stays as it is.
    stage.wait_s(10);
    let late = controller::Over { attempt: &attempt, remembered: true };
    owed::settle(&stage.app, &[late], &mut Lost::default()).await.unwrap();
    let settled_at: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("select settled_at from broker.attempt").fetch_one(&db).await.unwrap();
    assert_eq!(settled_at, crate::stage::day(7, 1));

    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.held_and_settled().await, (0, 120));
    assert_eq!(stage.told("hold.settle").await, 1);
    let (start_count, started): (i32, bool) =
        sqlx::query_as("select start_count, started_at is not null from broker.attempt")
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!((start_count, started), (1, true), "nobody saw it run, slurmdbd did");
}

#[sqlx::test(migrations = false)]
async fn two_watchers_give_an_unused_hold_back_once(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Submitted).await;
    let record = record_of(&attempt, JobState::Cancelled);
    stage.slurm.has_records(vec![slurm_wire::JobRecord { started_at: None, ..record }]);
    let mut watchers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let app = stage.app.clone();
        watchers.spawn(async move { tick(&app, &mut Lost::default()).await.unwrap() });
    }
    watchers.join_all().await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Cancelled);
    assert_eq!(stage.held_and_settled().await, (0, 0));
    assert_eq!(stage.told("attempt.ended_without_run").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_record_that_cannot_be_settled_holds_up_no_other(db: PgPool) {
    let stage = Stage::set(&db).await;
    let bad = stage.attempt_at(AttemptState::Released).await;
    let good = stage.attempt_at(AttemptState::Released).await;
    let record = record_of(&bad, JobState::Completed);
    stage.slurm.has_records(vec![
        slurm_wire::JobRecord { db_index: u64::MAX, ..record },
        record_of(&good, JobState::Completed),
    ]);
    tick(&stage.app, &mut Lost::default()).await.unwrap();
    assert_eq!(stage.state_of(&bad).await, AttemptState::Released);
    assert_eq!(stage.state_of(&good).await, AttemptState::Settled);
}

#[sqlx::test(migrations = false)]
async fn a_job_that_neither_knows_is_submitted_again_only_after_asking_without_a_break(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let mut lost = Lost::default();
    // A long outage lies behind it: the time since it was queued proves nothing.
    stage.wait_s(3_600);
    tick(&stage.app, &mut lost).await.unwrap();
    stage.wait_s(20);
    tick(&stage.app, &mut lost).await.unwrap();
    // slurmdbd goes away. When it is back it does not know yet what slurmctld will tell it.
    stage.slurm.refuses("read_records", Some(RefusalCode::AccountingUnavailable));
    tick(&stage.app, &mut lost).await.unwrap_err();
    stage.slurm.refuses("read_records", None);
    stage.wait_s(600);
    tick(&stage.app, &mut lost).await.unwrap();
    assert_eq!(stage.waiting("submit").await, 0, "it may have run");

    stage.wait_s(31);
    for _ in 0..2 {
        tick(&stage.app, &mut lost).await.unwrap();
    }
    assert_eq!(stage.waiting("submit").await, 1);
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Submitted);
}

#[sqlx::test(migrations = false)]
async fn a_purged_job_is_settled_by_what_slurmdbd_comes_to_know(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let mut lost = Lost::default();
    tick(&stage.app, &mut lost).await.unwrap();
    stage.wait_s(29);
    stage.slurm.has_records(vec![record_of(&attempt, JobState::Completed)]);
    tick(&stage.app, &mut lost).await.unwrap();
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.waiting("submit").await, 0);
}

#[sqlx::test(migrations = false)]
async fn a_job_that_was_seen_on_a_node_never_runs_again(db: PgPool) {
    let stage = Stage::set(&db).await;
    let mut lost = Lost::default();
    for state in [AttemptState::Running, AttemptState::Ended] {
        let attempt = stage.attempt_at(state).await;
        for _ in 0..3 {
            tick(&stage.app, &mut lost).await.unwrap();
            stage.wait_s(60);
        }
        assert_eq!(stage.state_of(&attempt).await, state);
    }
    assert_eq!(stage.waiting("submit").await, 0);
    let shown: Vec<Option<String>> =
        sqlx::query_scalar("select slurm_state from broker.attempt").fetch_all(&db).await.unwrap();
    assert_eq!(shown, [Some("LOST".to_owned()), Some("LOST".to_owned())]);
}

#[sqlx::test(migrations = false)]
async fn a_job_that_comes_back_after_its_cancellation_is_cancelled_again(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Submitted).await;
    let held = JobRow { held: true, ..job_row(&attempt, JobState::Pending) };
    stage.slurm.has_jobs(vec![held]);
    let mut connection = db.acquire().await.unwrap();
    assert!(
        attempt::want_cancelled(&mut connection, attempt.attempt_id, "no permit").await.unwrap()
    );
    let mut lost = Lost::default();
    for _ in 0..2 {
        tick(&stage.app, &mut lost).await.unwrap();
    }
    assert_eq!(stage.waiting("cancel").await, 1);
    sqlx::query("update broker.outbox set done_at = $1 where done_at is null")
        .bind(stage.app.clock.now())
        .execute(&db)
        .await
        .unwrap();
    tick(&stage.app, &mut lost).await.unwrap();
    assert_eq!(stage.waiting("cancel").await, 0, "Slurm is still at it");
    stage.wait_s(31);
    tick(&stage.app, &mut lost).await.unwrap();
    assert_eq!(stage.waiting("cancel").await, 1);
    assert_eq!(stage.waiting("release").await, 0);
}

/// Whoever makes way in a crisis does not pay for what they could not finish; otherwise they do.
#[sqlx::test(migrations = false)]
async fn a_run_that_made_way_is_charged_except_in_a_crisis(db: PgPool) {
    use record::id;

    use crate::crisis::{self, Proposal};
    use crate::stage::by;

    let stage = Stage::set(&db).await;
    let ended = record_of(&stage.attempt_at(AttemptState::Running).await, JobState::Preempted);
    let ended_at = chrono::DateTime::from_timestamp(ended.ended_at.unwrap(), 0).unwrap();
    let proposal = Proposal {
        crisis_id: id::fresh(),
        project_ids: vec![stage.project_id],
        ends_at: ended_at + chrono::TimeDelta::hours(1),
    };
    let (first, second) = (id::fresh(), id::fresh());
    let before = ended_at - chrono::TimeDelta::hours(1);
    let mut tx = db.begin().await.unwrap();
    crisis::propose(&mut tx, &proposal, first, &by(first, before)).await.unwrap();
    crisis::confirm(&mut tx, proposal.crisis_id, second, &by(second, before)).await.unwrap();
    tx.commit().await.unwrap();
    stage.slurm.has_records(vec![ended]);
    tick(&stage.app, &mut Lost::default()).await.unwrap();
    assert_eq!(stage.held_and_settled().await, (0, 0), "it is recorded, and not charged");

    let mut tx = db.begin().await.unwrap();
    let over = crisis::end(&mut tx, proposal.crisis_id, first, &by(first, before)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(over.ended_at < Some(ended_at), "from here on there was no crisis then");
    let other = stage.attempt_at(AttemptState::Running).await;
    stage.slurm.has_records(vec![record_of(&other, JobState::Preempted)]);
    tick(&stage.app, &mut Lost::default()).await.unwrap();
    assert_eq!(stage.held_and_settled().await, (0, 120));
}
