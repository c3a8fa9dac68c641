//! Exceptions on a real PostgreSQL, with the rights that mimerd has.

use record::{Actor, Stamp, id};
use slurm_wire::{JobRow, JobState};
use sqlx::PgPool;

use super::*;
use crate::plan::attempt::AttemptState;
use crate::stage::{Stage, by, day, job_row};

fn watcher() -> Stamp<'static> {
    Stamp { actor: Actor::Program("watcher"), now: day(7, 1), why: None, trace_id: Uuid::nil() }
}

/// A job of two GPUs that nobody planned.
async fn stranger(stage: &Stage, state: JobState) -> JobRow {
    let attempt = stage.attempt_at(AttemptState::Released).await;
    JobRow { admin_comment: None, job_id: 10_000_007, ..job_row(&attempt, state) }
}

#[sqlx::test(migrations = false)]
async fn a_stranger_is_kept_once_and_posted_when_it_is_over(db: PgPool) {
    let stage = Stage::set(&db).await;
    let job = stranger(&stage, JobState::Running).await;
    let mut tx = db.begin().await.unwrap();
    sqlx::query("set local role mimer_app").execute(&mut *tx).await.unwrap();
    let found = keep_unplanned(&mut tx, "mimer", &job, &watcher()).await.unwrap();
    let exception_id = found.expect("it is new");
    assert_eq!(keep_unplanned(&mut tx, "mimer", &job, &watcher()).await.unwrap(), None);

    let person = id::fresh();
    let early = close(&mut tx, exception_id, person, &by(person, day(7, 1))).await.unwrap_err();
    assert_eq!(early.code(), "exception_not_over");

    let over = JobRow {
        state: JobState::Cancelled,
        ended_at: job.started_at.map(|started| started + 30),
        ..job
    };
    assert!(post_use(&mut tx, "mimer", &over, &watcher()).await.unwrap());
    assert!(!post_use(&mut tx, "mimer", &over, &watcher()).await.unwrap(), "posted once");
    let posted = by_id(&mut tx, exception_id).await.unwrap().unwrap();
    assert_eq!(posted.gpu_seconds, Some(60));
    assert_eq!(count_open(&mut tx).await.unwrap(), 1);

    let without_why = Stamp { why: None, ..by(person, day(7, 2)) };
    let refused = close(&mut tx, exception_id, person, &without_why).await.unwrap_err();
    assert_eq!(refused.code(), "exception_no_reason");
    let closed = close(&mut tx, exception_id, person, &by(person, day(7, 2))).await.unwrap();
    assert_eq!(closed.closed_at, Some(day(7, 2)));
    assert_eq!(count_open(&mut tx).await.unwrap(), 0);
}

#[sqlx::test(migrations = false)]
async fn a_stranger_that_never_started_took_nothing(db: PgPool) {
    let stage = Stage::set(&db).await;
    let job = stranger(&stage, JobState::Pending).await;
    let over = JobRow { state: JobState::Cancelled, gpus: vec![], ..job };
    let mut tx = db.begin().await.unwrap();
    keep_unplanned(&mut tx, "mimer", &over, &watcher()).await.unwrap();
    post_use(&mut tx, "mimer", &over, &watcher()).await.unwrap();
    let listed = list(&mut tx).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].gpu_seconds, Some(0));
}
