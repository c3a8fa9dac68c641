//! Jobs that Slurm lost: submitted again only when it is sure that they never ran.

use record::id;
use slurm_wire::RefusalCode;
use sqlx::PgPool;

use super::*;
use crate::stage::by;

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

#[sqlx::test(migrations = false)]
async fn a_job_that_was_seen_on_a_node_never_runs_again(db: PgPool) {
    let stage = Stage::set(&db).await;
    let mut watcher = Watcher::default();
    for state in [AttemptState::Running, AttemptState::Ended] {
        let attempt = stage.attempt_at(state).await;
        watcher.look_for(&stage, 180).await;
        assert_eq!(stage.state_of(&attempt).await, state);
    }
    assert_eq!(stage.waiting("submit").await, 0);
    let words: Vec<Option<String>> =
        sqlx::query_scalar("select slurm_state from broker.attempt").fetch_all(&db).await.unwrap();
    assert_eq!(words, [Some("LOST".to_owned()), Some("LOST".to_owned())]);
    let kinds: Vec<_> = exceptions(&stage).await.into_iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [exception::ExceptionKind::LostJob; 2], "told once each");
}

/// A hold never stays for ever: a person decides. What slurmdbd tells later is charged all the same.
#[sqlx::test(migrations = false)]
async fn closing_a_lost_job_gives_its_hold_back_and_a_late_record_is_still_charged(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 60).await;
    assert!(stage.held_and_settled().await.0 > 0, "kept until somebody decides");
    let [found] = exceptions(&stage).await.try_into().unwrap();
    let mut tx = db.begin().await.unwrap();
    let operator = id::fresh();
    let stamp = by(operator, stage.app.clock.now());
    exception::close(&mut tx, found.exception_id, operator, &stamp).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Cancelled);
    assert_eq!(stage.held_and_settled().await, (0, 0));
    assert_eq!(stage.told("attempt.ended_without_run").await, 1);

    stage.slurm.has_records(vec![record_of(&attempt, JobState::Completed)]);
    watcher.look_for(&stage, 6).await;
    assert_eq!(stage.held_and_settled().await, (0, 120));
}
