//! Holds whose time is up: taken back and admitted anew, both or neither.

use sqlx::PgPool;

use super::*;
use crate::plan::Ask;

/// The hold of every attempt is up now.
async fn time_is_up(db: &PgPool, stage: &Stage) {
    sqlx::query("update accounting.hold set expires_at = $1")
        .bind(stage.app.clock.now())
        .execute(db)
        .await
        .unwrap();
}

async fn attempts(db: &PgPool) -> Vec<(AttemptState, Option<String>)> {
    sqlx::query_as(
        "select state, cancel_reason from broker.attempt order by created_at, attempt_id",
    )
    .fetch_all(db)
    .await
    .unwrap()
}

/// 88 of the grant's 100 GPU-hours: it can be admitted anew only on what its own hold gives back.
#[sqlx::test(migrations = false)]
async fn a_plan_is_admitted_anew_on_what_its_own_hold_gives_back(db: PgPool) {
    let stage = Stage::set(&db).await;
    let ask = Ask { gpu_count: 4, wall_time_s: 22 * 3_600, ..stage.ask() };
    stage.submit(&ask).await.unwrap();
    let held = stage.held_and_settled().await.0;
    stage.wait_s(60);
    time_is_up(&db, &stage).await;
    expiry::look(&stage.app).await.unwrap();
    expiry::look(&stage.app).await.unwrap();
    let attempts = attempts(&db).await;
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    assert!(attempts[0].1.is_some() && attempts[1].1.is_none(), "{attempts:?}");
    assert_eq!(stage.held_and_settled().await.0, held, "one hold, not two and not none");
    assert_eq!(stage.told("job_plan.readmit").await, 1);
}

/// Holds are read one by one here. One that waits for its job to leave Slurm, and one of another
/// cluster, come first and stay.
#[sqlx::test(migrations = false)]
async fn what_cannot_be_taken_back_is_in_nobodys_way(db: PgPool) {
    let stage = Stage::set(&db).await;
    for _ in 0..3 {
        stage.submit(&stage.ask()).await.unwrap();
    }
    stage.wait_s(60);
    time_is_up(&db, &stage).await;
    let in_line = "with line as (
             select attempt_id, row_number() over (order by expires_at, hold_id) as place
             from accounting.hold)
         update broker.attempt a
         set cluster = case when place = 1 then 'elsewhere' else cluster end,
             cancel_reason = case when place = 2 then 'no longer needed' end
         from line where line.attempt_id = a.attempt_id";
    sqlx::query(in_line).execute(&db).await.unwrap();
    expiry::look(&stage.app).await.unwrap();
    assert_eq!(stage.told("job_plan.readmit").await, 1);
    assert_eq!(stage.told("attempt.expired").await, 1);
}

/// mimerd dies, or the database fails, while it admits anew: the old attempt stands as it was, and the
/// next round does both.
#[sqlx::test(migrations = false)]
async fn nothing_is_taken_back_that_could_not_be_admitted_anew_or_refused(db: PgPool) {
    let stage = Stage::set(&db).await;
    stage.submit(&stage.ask()).await.unwrap();
    stage.wait_s(60);
    time_is_up(&db, &stage).await;
    let before = attempts(&db).await;
    let broken = "alter table broker.attempt add constraint no_second check (slurm_job_id <= 100000) \
                  not valid";
    let next: i64 = sqlx::query_scalar("select max(slurm_job_id) from broker.attempt")
        .fetch_one(&db)
        .await
        .unwrap();
    sqlx::query(sqlx::AssertSqlSafe(broken.replace("100000", &next.to_string())))
        .execute(&db)
        .await
        .unwrap();
    expiry::look(&stage.app).await.unwrap();
    assert_eq!(attempts(&db).await, before, "not half of it");
    assert_eq!(stage.waiting("cancel").await, 0);

    sqlx::query("alter table broker.attempt drop constraint no_second").execute(&db).await.unwrap();
    expiry::look(&stage.app).await.unwrap();
    assert_eq!(attempts(&db).await.len(), 2);
    assert_eq!(stage.waiting("cancel").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_plan_that_cannot_be_admitted_anew_says_why_and_keeps_its_hold_until_it_is_out(
    db: PgPool,
) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Released, JobState::Pending).await;
    let held = stage.held_and_settled().await;
    // The grant's time is over: nothing can pay for it any more.
    stage.wait_s(100 * 86_400);
    expiry::look(&stage.app).await.unwrap();
    let [(_, reason)] = attempts(&db).await.try_into().unwrap();
    assert!(reason.unwrap().contains("cannot be admitted anew"));
    assert_eq!(stage.held_and_settled().await, held);

    stage
        .slurm
        .has_jobs(vec![JobRow { started_at: None, ..job_row(&attempt, JobState::Cancelled) }]);
    let record = record_of(&attempt, JobState::Cancelled);
    stage.slurm.has_records(vec![JobRecord { started_at: None, ..record }]);
    Watcher::default().look_for(&stage, 30).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Cancelled);
    assert_eq!(stage.held_and_settled().await, (0, 0));
    drop(row);
}

/// The old job is out of Slurm: its hold went back long ago, and its attempt ends all the same. Had it
/// started at that very moment, what it took is a late run.
#[sqlx::test(migrations = false)]
async fn the_old_attempt_ends_with_or_without_a_run(db: PgPool) {
    let stage = Stage::set(&db).await;
    let mut watcher = Watcher::default();
    for (state, settled) in [(JobState::Cancelled, 0), (JobState::Completed, 120)] {
        let (attempt, _) = shown(&stage, AttemptState::Released, JobState::Pending).await;
        stage.wait_s(60);
        sqlx::query("update accounting.hold set expires_at = $1 where hold_id = $2")
            .bind(stage.app.clock.now())
            .bind(attempt.hold_id)
            .execute(&db)
            .await
            .unwrap();
        expiry::look(&stage.app).await.unwrap();
        let started_at = (settled > 0).then_some(1_814_400_000);
        stage.slurm.has_jobs(vec![JobRow { started_at, ..job_row(&attempt, state) }]);
        stage.slurm.has_records(vec![JobRecord { started_at, ..record_of(&attempt, state) }]);
        watcher.look_for(&stage, 30).await;
        assert!(stage.state_of(&attempt).await.is_over(), "{state:?}");
        assert_eq!(stage.held_and_settled().await.1, settled);
    }
}
