//! Jobs that Slurm lost: submitted again once slurmdbd had its time to tell of them.

use slurm_wire::RefusalCode;
use sqlx::PgPool;

use super::*;
use crate::plan::attempt;

#[sqlx::test(migrations = false)]
async fn a_job_that_neither_knows_is_submitted_again_only_after_asking_without_a_break(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 25).await;
    // slurmdbd goes away. When it is back it does not know yet what slurmctld will tell it.
    stage.slurm.refuses("read_ended", Some(RefusalCode::AccountingUnavailable));
    for _ in 0..20 {
        let _ = watcher.look(&stage.app).await;
        stage.wait_s(1);
    }
    stage.slurm.refuses("read_ended", None);
    watcher.look_for(&stage, 25).await;
    assert_eq!(stage.waiting("submit").await, 0, "it may have run");
    watcher.look_for(&stage, 60).await;
    assert_eq!(stage.waiting("submit").await, 1);
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Submitted);
}

#[sqlx::test(migrations = false)]
async fn to_be_told_to_ask_later_is_no_answer_and_no_break(db: PgPool) {
    let stage = Stage::set(&db).await;
    stage.attempt_at(AttemptState::Released).await;
    let mut watcher = Watcher::default();
    for call in ["read_ended", "read_records"] {
        stage.slurm.refuses(call, Some(RefusalCode::AskedTooOften));
    }
    watcher.look_for(&stage, 120).await;
    assert_eq!(stage.waiting("submit").await, 0, "nobody said that slurmdbd does not know it");
    for call in ["read_ended", "read_records"] {
        stage.slurm.refuses(call, None);
    }
    watcher.look_for(&stage, 120).await;
    assert_eq!(stage.waiting("submit").await, 1);
}

#[sqlx::test(migrations = false)]
async fn a_purged_job_is_settled_by_what_slurmdbd_comes_to_know(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 29).await;
    stage.slurm.has_records(vec![record_of(&attempt, JobState::Completed)]);
    watcher.look_for(&stage, 10).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.waiting("submit").await, 0);
}

/// mimerd was away for so long that the job may have run, ended and been forgotten, and slurmdbd was
/// away too: it gets far more time to hear of it than after a moment's silence.
#[sqlx::test(migrations = false)]
async fn after_a_long_break_slurmdbd_is_given_long_to_hear_of_a_job(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, _) = shown(&stage, AttemptState::Released, JobState::Pending).await;
    Watcher::default().look_for(&stage, 2).await;
    stage.wait_s(400);
    stage.slurm.has_jobs(vec![]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 300).await;
    // A second mimerd takes over in the middle of it: it knows of the break, not of the waiting.
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 500).await;
    assert_eq!(stage.waiting("submit").await, 0, "it may have run");
    stage.slurm.has_records(vec![record_of(&attempt, JobState::Completed)]);
    watcher.look_for(&stage, 301).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.held_and_settled().await, (0, 120));
}

#[sqlx::test(migrations = false)]
async fn after_a_long_break_a_job_that_nobody_comes_to_know_is_submitted_in_the_end(db: PgPool) {
    let stage = Stage::set(&db).await;
    shown(&stage, AttemptState::Released, JobState::Pending).await;
    Watcher::default().look_for(&stage, 2).await;
    stage.wait_s(400);
    stage.slurm.has_jobs(vec![]);
    Watcher::default().look_for(&stage, 1_000).await;
    assert_eq!(stage.waiting("submit").await, 1);
}

/// slurmctld tells slurmdbd of a job before it saves it: the record of a job that waited says
/// nothing of a run.
#[sqlx::test(migrations = false)]
async fn a_record_of_a_job_that_only_waited_does_not_keep_it_from_being_submitted(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let record = record_of(&attempt, JobState::Pending);
    stage.slurm.has_records(vec![JobRecord { started_at: None, ended_at: None, ..record }]);
    Watcher::default().look_for(&stage, 60).await;
    assert_eq!(stage.waiting("submit").await, 1);
    assert_eq!(exceptions(&stage).await, []);
}

/// slurmctld itself is asked before anything is submitted again, not what was followed of it.
#[sqlx::test(migrations = false)]
async fn a_job_that_slurmctld_has_after_all_is_not_submitted_again(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    stage.slurm.tells_next(slurm_wire::Changes {
        cursor: slurm_wire::Cursor { life: 1, step: 1 },
        whole: true,
        jobs: vec![],
        gone: vec![],
    });
    stage.slurm.has_jobs(vec![job_row(&attempt, JobState::Pending)]);
    Watcher::default().look_for(&stage, 120).await;
    assert_eq!(stage.waiting("submit").await, 0);
}

/// slurmctld forgets a start, and an end too, that it was killed too soon to save.
#[sqlx::test(migrations = false)]
async fn a_job_that_ran_and_is_lost_is_submitted_again_once_slurmdbd_had_long_to_tell(db: PgPool) {
    let stage = Stage::set(&db).await;
    for state in [AttemptState::Running, AttemptState::Ended] {
        let attempt = stage.attempt_at(state).await;
        let mut watcher = Watcher::default();
        watcher.look_for(&stage, 600).await;
        assert_eq!(stage.state_of(&attempt).await, state, "slurmdbd may be far behind");
        assert_eq!(exceptions(&stage).await, []);
        watcher.look_for(&stage, 330).await;
        assert_eq!(stage.state_of(&attempt).await, AttemptState::Submitted);
        assert_eq!(stage.waiting("submit").await, 1);
        let [found] = exceptions(&stage).await.try_into().unwrap();
        assert_eq!(found.kind, exception::ExceptionKind::LostJob);
        sqlx::query("delete from broker.exception").execute(&db).await.unwrap();
        sqlx::query("update broker.outbox set done_at = now()").execute(&db).await.unwrap();
        sqlx::query("update broker.attempt set state = 'cancelled'").execute(&db).await.unwrap();
    }
    assert_eq!(stage.told("attempt.lost").await, 2);
}

/// What it took before has no record; what it takes now is charged, and both starts are shown.
#[sqlx::test(migrations = false)]
async fn a_lost_job_that_starts_again_is_a_second_start_and_holds_no_gpu_in_between(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Released, JobState::Running).await;
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 2).await;
    stage.slurm.has_jobs(vec![]);
    watcher.look_for(&stage, 930).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Submitted);
    let open = "select count(*) from broker.assignment where until_at is null";
    assert_eq!(sqlx::query_scalar::<_, i64>(open).fetch_one(&db).await.unwrap(), 0);

    sqlx::query("update broker.attempt set state = 'released', queued_at = $1")
        .bind(stage.app.clock.now())
        .execute(&db)
        .await
        .unwrap();
    let again = row.started_at.map(|at| at + 940);
    stage.slurm.has_jobs(vec![JobRow { started_at: again, ..row }]);
    watcher.look_for(&stage, 2).await;
    let kinds: Vec<_> = exceptions(&stage).await.into_iter().map(|it| it.kind).collect();
    assert!(kinds.contains(&exception::ExceptionKind::SecondStart), "{kinds:?}");
    let start_count: i32 =
        sqlx::query_scalar("select start_count from broker.attempt").fetch_one(&db).await.unwrap();
    assert_eq!(start_count, 2);
}

#[sqlx::test(migrations = false)]
async fn a_lost_job_that_was_to_be_cancelled_is_over(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let mut tx = db.begin().await.unwrap();
    attempt::want_cancelled(&mut tx, attempt.attempt_id, "by a member").await.unwrap();
    tx.commit().await.unwrap();
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 930).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Cancelled);
    assert_eq!(stage.waiting("submit").await, 0);
    assert_eq!(stage.held_and_settled().await, (0, 0));

    // What slurmdbd tells later is charged all the same.
    stage.slurm.has_records(vec![record_of(&attempt, JobState::Completed)]);
    watcher.look_for(&stage, 6).await;
    assert_eq!(stage.held_and_settled().await, (0, 120));
}
