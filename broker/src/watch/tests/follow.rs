//! Following slurmctld: only what changed costs anything.

use slurm_wire::{Changes, Cursor};
use sqlx::PgPool;

use super::*;

fn cursor(step: u64) -> Cursor {
    Cursor { life: 9, step }
}

async fn observations(db: &PgPool) -> i64 {
    sqlx::query_scalar("select count(*) from broker.observation").fetch_one(db).await.unwrap()
}

#[sqlx::test(migrations = false)]
async fn a_job_that_waits_as_before_is_taken_in_once(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Released, JobState::Pending).await;
    let waits = JobRow { state_reason: Some("Resources".to_owned()), ..row };
    stage.slurm.has_jobs(vec![waits.clone()]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 30).await;
    assert_eq!(observations(&db).await, 1);
    let version: String =
        sqlx::query_scalar("select xmin::text from broker.attempt").fetch_one(&db).await.unwrap();
    watcher.look_for(&stage, 30).await;
    let after: (String, String, String) =
        sqlx::query_as("select xmin::text, slurm_state, slurm_reason from broker.attempt")
            .fetch_one(&db)
            .await
            .unwrap();
    assert_eq!(
        after,
        (version, "PENDING".to_owned(), "Resources".to_owned()),
        "it was not written"
    );

    stage.slurm.has_jobs(vec![JobRow { state_reason: Some("Priority".to_owned()), ..waits }]);
    watcher.look_for(&stage, 2).await;
    assert_eq!(observations(&db).await, 2);
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Released);
}

#[sqlx::test(migrations = false)]
async fn only_changes_are_asked_for_and_they_add_up(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let other = stage.attempt_at(AttemptState::Released).await;
    let row = |attempt: &Attempt, state| job_row(attempt, state);
    stage.slurm.tells_next(Changes {
        cursor: cursor(1),
        whole: true,
        jobs: vec![row(&attempt, JobState::Pending), row(&other, JobState::Pending)],
        gone: vec![],
    });
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 3).await;
    stage.slurm.tells_next(Changes {
        cursor: cursor(2),
        whole: false,
        jobs: vec![row(&attempt, JobState::Running)],
        gone: vec![],
    });
    watcher.look_for(&stage, 2).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Running);
    assert_eq!(stage.state_of(&other).await, AttemptState::Released);
    assert_eq!(
        stage.slurm.followed_from(),
        [None, Some(cursor(1)), Some(cursor(1)), Some(cursor(1)), Some(cursor(2))]
    );
    stage.slurm.has_records(vec![record_of(&attempt, JobState::Completed)]);
    stage.slurm.tells_next(Changes {
        cursor: cursor(3),
        whole: false,
        jobs: vec![row(&attempt, JobState::Completed)],
        gone: vec![],
    });
    watcher.look_for(&stage, 6).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.waiting("submit").await, 0, "the other one still waits in slurmctld");
}

/// What could not be written down is not told again by a gateway that tells only changes.
#[sqlx::test(migrations = false)]
async fn what_could_not_be_taken_in_is_asked_for_anew(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let runs = job_row(&attempt, JobState::Running);
    let whole = |step| Changes {
        cursor: cursor(step),
        whole: true,
        jobs: vec![runs.clone()],
        gone: vec![],
    };
    stage.slurm.tells_next(whole(1));
    stage.slurm.tells_next(whole(2));
    let refuse = "alter table broker.job_start add constraint no check (false) not valid";
    sqlx::query(refuse).execute(&db).await.unwrap();
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 1).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Released);
    sqlx::query("alter table broker.job_start drop constraint no").execute(&db).await.unwrap();
    watcher.look_for(&stage, 1).await;
    assert_eq!(stage.slurm.followed_from(), [None, None], "it does not go on from the cursor");
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Running);
}

#[sqlx::test(migrations = false)]
async fn somebody_elses_job_under_our_id_is_never_ours(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Released, JobState::Completed).await;
    stage.slurm.has_jobs(vec![JobRow { admin_comment: Some("mimer:other".to_owned()), ..row }]);
    let theirs = record_of(&attempt, JobState::Completed);
    stage
        .slurm
        .has_records(vec![JobRecord { admin_comment: Some("mimer:other".to_owned()), ..theirs }]);
    Watcher::default().look_for(&stage, 60).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Released);
    assert_eq!((stage.waiting("submit").await, runs(&stage).await), (0, (0, 0)));
}

/// slurmdbd is asked for what ended, not for each attempt: the bound holds with hundreds of them.
#[sqlx::test(migrations = false)]
async fn slurmdbd_is_asked_at_most_so_often_in_a_minute(db: PgPool) {
    let stage = Stage::set(&db).await;
    for _ in 0..5 {
        stage.attempt_at(AttemptState::Released).await;
    }
    let mut watcher = Watcher::default();
    for _ in 0..5 {
        let asked =
            |stage: &Stage| stage.slurm.heard("read_ended") + stage.slurm.heard("read_records");
        let before = asked(&stage);
        watcher.look_for(&stage, 60).await;
        assert!(asked(&stage) - before <= window::QUESTIONS_PER_MINUTE);
    }
}

#[sqlx::test(migrations = false)]
async fn a_job_that_comes_back_after_its_cancellation_is_cancelled_again(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Submitted, JobState::Pending).await;
    stage.slurm.has_jobs(vec![JobRow { held: true, ..row }]);
    let mut connection = db.acquire().await.unwrap();
    let reason = "no permit";
    let want = crate::plan::attempt::want_cancelled;
    assert!(want(&mut connection, attempt.attempt_id, reason).await.unwrap());
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 2).await;
    assert_eq!(stage.waiting("cancel").await, 1);
    sqlx::query("update broker.outbox set done_at = $1 where done_at is null")
        .bind(stage.app.clock.now())
        .execute(&db)
        .await
        .unwrap();
    watcher.look_for(&stage, 1).await;
    assert_eq!(stage.waiting("cancel").await, 0, "Slurm is still at it");
    stage.wait_s(31);
    watcher.look_for(&stage, 1).await;
    assert_eq!(stage.waiting("cancel").await, 1);
    assert_eq!(stage.waiting("release").await, 0);
}
