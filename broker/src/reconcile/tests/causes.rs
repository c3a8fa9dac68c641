//! Each cause, made by hand.

use super::*;
use crate::run_key::RunKey;

#[sqlx::test(migrations = false)]
async fn missing_in_slurm_and_unknown_to_slurmctld_and_slurmdbd(db: PgPool) {
    let stage = Stage::set(&db).await;
    stage.attempt_at(AttemptState::Released).await;
    assert_eq!(stage.causes().await, [Cause::MissingInSlurm]);
    stage.attempt_at(AttemptState::Running).await;
    let causes = stage.causes().await;
    assert_eq!(causes, [Cause::MissingInSlurm, Cause::UnknownToSlurmctldAndSlurmdbd]);
}

#[sqlx::test(migrations = false)]
async fn what_slurm_has_not_taken_yet_is_not_missing(db: PgPool) {
    let stage = Stage::set(&db).await;
    stage.attempt_at(AttemptState::Admitted).await;
    assert_eq!(stage.causes().await, []);
}

#[sqlx::test(migrations = false)]
async fn slurmdbd_behind_and_not_settled_yet(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    stage.slurm.has_jobs(vec![job_row(&attempt, JobState::Completed)]);
    let mut begun = record_of(&attempt, JobState::Running);
    begun.ended_at = None;
    assert_eq!(stage.causes().await, [Cause::SlurmdbdBehind]);
    stage.slurm.has_records(vec![begun]);
    stage.slurm.has_added_up(&[(ACCOUNT, 2 * 12 * 3_600)]);
    assert_eq!(stage.causes().await, [Cause::SlurmdbdBehind]);

    stage.slurm.has_records(vec![record_of(&attempt, JobState::Completed)]);
    stage.slurm.has_added_up(&[(ACCOUNT, 120)]);
    let found = stage.compared().await;
    let [difference] = &found.differences[..] else { panic!("{found:?}") };
    assert_eq!((difference.cause, difference.gpu_seconds), (Cause::NotSettledYet, Some(TAKES)));
    assert_eq!(difference.attempt_id, Some(attempt.attempt_id));
    assert!(!found.totals.equal && found.totals.gpu_seconds_slurmdbd == TAKES);
}

#[sqlx::test(migrations = false)]
async fn a_run_that_was_requeued_is_not_settled_while_its_job_goes_on(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let first = record_of(&attempt, JobState::Preempted);
    let mut again = job_row(&attempt, JobState::Pending);
    (again.restart_count, again.submitted_at) = (1, Some(1_814_400_100));
    stage.slurm.has_jobs(vec![again]);
    stage.slurm.has_records(vec![first]);
    stage.slurm.has_added_up(&[(ACCOUNT, 120)]);
    let found = stage.compared().await;
    let [difference] = &found.differences[..] else { panic!("{found:?}") };
    assert_eq!(difference.cause, Cause::NotSettledYet);
    assert!(difference.sentence.contains("its job goes on"), "{}", difference.sentence);
}

#[sqlx::test(migrations = false)]
async fn run_not_recorded(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (_, record) = stage.charged(|_| {}).await;
    let late = JobRecord { db_index: 7, ..record.clone() };
    stage.slurm.has_records(vec![record, late]);
    stage.slurm.has_added_up(&[(ACCOUNT, 240)]);
    let found = stage.compared().await;
    let [difference] = &found.differences[..] else { panic!("{found:?}") };
    assert_eq!((difference.cause, difference.db_index), (Cause::RunNotRecorded, Some(RunKey(7))));
    assert_eq!((found.totals.equal, found.totals.gpu_seconds_slurmdbd), (false, 2 * TAKES));
}

#[sqlx::test(migrations = false)]
async fn run_differs(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (_, record) = stage.charged(|_| {}).await;
    let edited = JobRecord { ended_at: record.ended_at.map(|at| at + 30), ..record.clone() };
    stage.slurm.has_records(vec![edited]);
    stage.slurm.has_added_up(&[(ACCOUNT, 180)]);
    let found = stage.compared().await;
    let [difference] = &found.differences[..] else { panic!("{found:?}") };
    assert_eq!((difference.cause, difference.gpu_seconds), (Cause::RunDiffers, Some(60)));
    assert!(difference.sentence.contains("180 GPU-seconds"), "{}", difference.sentence);
    assert!(!found.totals.equal);
    // Suspended afterwards, says slurmdbd: that too is a difference.
    stage.slurm.has_records(vec![JobRecord { suspended_s: 20, ..record }]);
    stage.slurm.has_added_up(&[(ACCOUNT, 80)]);
    assert_eq!(stage.causes().await, [Cause::RunDiffers]);
}

#[sqlx::test(migrations = false)]
async fn run_unknown_to_slurmdbd(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (_, record) = stage.charged(|_| {}).await;
    let found = stage.compared().await;
    let [difference] = &found.differences[..] else { panic!("{found:?}") };
    assert_eq!(difference.cause, Cause::RunUnknownToSlurmdbd);
    assert_eq!(stage.slurm.heard("read_records"), 1, "it was asked for by its id first");
    // Its end was moved out of the stretch: it is there, and differs.
    let moved = |at: Option<i64>| at.map(|at| at - 60 * 86_400);
    let (started_at, ended_at) = (moved(record.started_at), moved(record.ended_at));
    stage.slurm.ends_by_time();
    stage.slurm.has_records(vec![JobRecord { started_at, ended_at, ..record }]);
    assert_eq!(stage.causes().await, [Cause::RunDiffers]);
}

#[sqlx::test(migrations = false)]
async fn run_not_posted(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (_, record) = stage.charged(|_| {}).await;
    stage.slurm.has_records(vec![record]);
    stage.slurm.has_added_up(&[(ACCOUNT, 120)]);
    sqlx::query("update accounting.charge set gpu_seconds = 100").execute(&db).await.unwrap();
    assert_eq!(stage.causes().await, [Cause::RunNotPosted]);
}

#[sqlx::test(migrations = false)]
async fn runaway_record(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Running).await;
    let mut runaway = record_of(&attempt, JobState::Running);
    runaway.ended_at = None;
    stage.slurm.has_records(vec![runaway.clone()]);
    stage.slurm.has_added_up(&[(ACCOUNT, 2 * 12 * 3_600)]);
    assert_eq!(stage.causes().await, [Cause::RunawayRecord]);
    // slurmctld has the job, but submitted another time: the record is not that one's.
    let mut row = job_row(&attempt, JobState::Running);
    row.submitted_at = Some(1_814_400_900);
    stage.slurm.has_jobs(vec![row]);
    assert_eq!(stage.causes().await, [Cause::RunawayRecord]);
    runaway.submitted_at = Some(1_814_400_900);
    stage.slurm.has_records(vec![runaway]);
    assert_eq!(stage.causes().await, []);
}

#[sqlx::test(migrations = false)]
async fn second_start(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, record) = stage.charged(|_| {}).await;
    stage.slurm.has_records(vec![record]);
    stage.slurm.has_added_up(&[(ACCOUNT, 120)]);
    sqlx::query(
        "insert into broker.exception (exception_id, kind, cluster, slurm_job_id, submitted_at,
             facts, found_at, attempt_id)
         values ($1, 'second_start', 'mimer', $2, $3, '{}', $3, $4)",
    )
    .bind(id::fresh())
    .bind(i64::from(attempt.spec.job_id))
    .bind(stage.app.clock.now())
    .bind(attempt.attempt_id)
    .execute(&db)
    .await
    .unwrap();
    assert_eq!(stage.causes().await, [Cause::SecondStart]);
    sqlx::query("update broker.exception set closed_at = found_at, closed_by = exception_id")
        .execute(&db)
        .await
        .unwrap();
    assert_eq!(stage.causes().await, []);
}

#[sqlx::test(migrations = false)]
async fn still_in_slurm(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, record) = stage.charged(|_| {}).await;
    stage.slurm.has_records(vec![record]);
    stage.slurm.has_added_up(&[(ACCOUNT, 120)]);
    stage.slurm.has_jobs(vec![job_row(&attempt, JobState::Completed)]);
    assert_eq!(stage.causes().await, []);
    stage.slurm.has_jobs(vec![job_row(&attempt, JobState::Pending)]);
    assert_eq!(stage.causes().await, [Cause::StillInSlurm]);
}

#[sqlx::test(migrations = false)]
async fn stranger(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, record) = stage.charged(|_| {}).await;
    let mut row = job_row(&attempt, JobState::Running);
    (row.job_id, row.admin_comment) = (77, None);
    let other = JobRecord { job_id: 78, db_index: 78, admin_comment: None, ..record.clone() };
    stage.slurm.has_strangers(vec![row]);
    stage.slurm.has_records(vec![record, other]);
    stage.slurm.has_added_up(&[(ACCOUNT, 240)]);
    let found = stage.compared().await;
    let told: Vec<_> =
        found.differences.iter().map(|it| (it.cause, it.slurm_job_id, it.gpu_seconds)).collect();
    let expected = [(Cause::Stranger, Some(77), Some(0)), (Cause::Stranger, Some(78), Some(TAKES))];
    assert_eq!(told, expected);
    assert!(found.totals.equal && found.totals.gpu_seconds_strangers == TAKES);
}

#[sqlx::test(migrations = false)]
async fn wrong_key(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (_, record) = stage.charged(|_| {}).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    let mut row = job_row(&attempt, JobState::Running);
    row.admin_comment = Some("another broker's".to_owned());
    let mut foreign = record_of(&attempt, JobState::Completed);
    foreign.admin_comment.clone_from(&row.admin_comment);
    stage.slurm.has_jobs(vec![row]);
    stage.slurm.has_records(vec![record, foreign]);
    stage.slurm.has_added_up(&[(ACCOUNT, 240)]);
    let found = stage.compared().await;
    let causes: Vec<_> = found.differences.iter().map(|it| it.cause).collect();
    assert_eq!(causes, [Cause::MissingInSlurm, Cause::WrongKey], "another's is not ours");
    assert!(found.totals.equal, "{:?}", found.totals);
}

#[sqlx::test(migrations = false)]
async fn holds_and_attempts_without_each_other(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Admitted).await;
    stage.stands_at(&attempt, "cancelled").await;
    let found = stage.compared().await;
    let [difference] = &found.differences[..] else { panic!("{found:?}") };
    assert_eq!(difference.cause, Cause::HoldWithoutAttempt);
    assert_eq!(difference.hold_id, Some(attempt.hold_id));

    let stamp = by(stage.person_id, stage.app.clock.now());
    let mut tx = db.begin().await.unwrap();
    hold::release(&mut tx, attempt.hold_id, hold::ReleaseReason::Cancelled, &stamp).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(stage.causes().await, []);
    stage.stands_at(&attempt, "admitted").await;
    assert_eq!(stage.causes().await, [Cause::AttemptWithoutHold]);
}
