//! Settling: once, by every incarnation, in the month of its end.

use chrono::{NaiveDate, TimeDelta};
use sqlx::PgPool;

use super::*;

#[sqlx::test(migrations = false)]
async fn two_watchers_that_see_the_same_end_settle_it_once(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, _) = shown(&stage, AttemptState::Released, JobState::Completed).await;
    stage.slurm.has_records(vec![record_of(&attempt, JobState::Completed)]);
    let mut watchers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let app = stage.app.clone();
        watchers.spawn(async move { Watcher::default().look(&app).await.unwrap() });
    }
    watchers.join_all().await;
    // One that begins when the others are done: the settled attempt stays as it is.
    stage.wait_s(10);
    Watcher::default().look_for(&stage, 30).await;
    let settled_at: DateTime<Utc> =
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
    let (attempt, _) = shown(&stage, AttemptState::Submitted, JobState::Cancelled).await;
    let record = record_of(&attempt, JobState::Cancelled);
    stage.slurm.has_records(vec![JobRecord { started_at: None, ..record }]);
    let mut watchers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let app = stage.app.clone();
        watchers.spawn(async move { Watcher::default().look(&app).await.unwrap() });
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
    let over = |attempt: &Attempt| job_row(attempt, JobState::Completed);
    stage.slurm.has_jobs(vec![over(&bad), over(&good)]);
    let record = record_of(&bad, JobState::Completed);
    stage.slurm.has_records(vec![
        JobRecord { suspended_s: u64::MAX, ..record },
        record_of(&good, JobState::Completed),
    ]);
    Watcher::default().look_for(&stage, 2).await;
    assert_eq!(stage.state_of(&bad).await, AttemptState::Ended);
    assert_eq!(stage.state_of(&good).await, AttemptState::Settled);
}

#[sqlx::test(migrations = false)]
async fn a_job_that_still_cleans_up_is_not_settled(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Running, JobState::Completed).await;
    stage.slurm.has_jobs(vec![JobRow { completing: true, ..row.clone() }]);
    stage.slurm.has_records(vec![record_of(&attempt, JobState::Completed)]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 60).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Running);
    stage.slurm.has_jobs(vec![row]);
    watcher.look_for(&stage, 2).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
}

/// The first run's record comes first. It is final, and it is not all that the attempt owes.
#[sqlx::test(migrations = false)]
async fn a_requeued_job_is_settled_when_its_last_run_is_told(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Running, JobState::Completed).await;
    let first = record_at(&attempt, JobState::Preempted, (1, 0, Some(60)));
    let last = record_at(&attempt, JobState::Completed, (2, 100, Some(200)));
    let over = JobRow {
        submitted_at: last.submitted_at,
        started_at: last.started_at,
        ended_at: last.ended_at,
        restart_count: 1,
        ..row
    };
    stage.slurm.has_jobs(vec![over]);
    stage.slurm.has_records(vec![first.clone()]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 60).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Ended);
    assert_eq!(stage.held_and_settled().await.1, 0);

    stage.slurm.has_records(vec![first, last]);
    watcher.look_for(&stage, 6).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.held_and_settled().await, (0, 2 * 60 + 2 * 100));
    assert_eq!(exceptions(&stage).await, [], "Slurm ended the first run to begin the second");
}

/// Whoever makes way in a crisis does not pay for what they could not finish; otherwise they do.
#[sqlx::test(migrations = false)]
async fn a_run_that_made_way_is_charged_except_in_a_crisis(db: PgPool) {
    use record::id;

    use crate::crisis::{self, Proposal};
    use crate::stage::by;

    let stage = Stage::set(&db).await;
    let (attempt, row) = shown(&stage, AttemptState::Running, JobState::Preempted).await;
    let ended = record_of(&attempt, JobState::Preempted);
    let ended_at = DateTime::from_timestamp(ended.ended_at.unwrap(), 0).unwrap();
    let proposal = Proposal {
        crisis_id: id::fresh(),
        project_ids: vec![stage.project_id],
        ends_at: ended_at + TimeDelta::hours(1),
    };
    let (first, second) = (id::fresh(), id::fresh());
    let before = ended_at - TimeDelta::hours(1);
    let mut tx = db.begin().await.unwrap();
    crisis::propose(&mut tx, &proposal, first, &by(first, before)).await.unwrap();
    crisis::confirm(&mut tx, proposal.crisis_id, second, &by(second, before)).await.unwrap();
    tx.commit().await.unwrap();
    stage.slurm.has_records(vec![ended]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 1).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.held_and_settled().await, (0, 0), "it is recorded, and not charged");

    let mut tx = db.begin().await.unwrap();
    let over = crisis::end(&mut tx, proposal.crisis_id, first, &by(first, before)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(over.ended_at < Some(ended_at), "from here on there was no crisis then");
    let other = stage.attempt_at(AttemptState::Running).await;
    stage.slurm.has_jobs(vec![row, job_row(&other, JobState::Preempted)]);
    stage.slurm.has_records(vec![record_of(&other, JobState::Preempted)]);
    watcher.look_for(&stage, 6).await;
    assert_eq!(stage.held_and_settled().await, (0, 120));
}

/// Half past midnight in Stockholm is still yesterday in UTC. A run belongs to the month of its end by
/// the clocks of Stockholm, in summer and in winter, and is charged by the seconds that went by.
#[sqlx::test(migrations = false)]
async fn a_run_over_the_end_of_a_month_is_charged_by_its_seconds_in_the_month_of_its_end(
    db: PgPool,
) {
    let stage = Stage::set(&db).await;
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap().timestamp();
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    // Summer: 23:00 to 00:10. The end of the month in which the clocks go back: 23:00 to 00:10 in
    // winter, and up to the last second of it.
    let cases = [
        ("2027-07-31T21:00:00Z", "2027-07-31T22:10:00Z", 4_200, day("2027-08-01")),
        ("2027-10-31T22:00:00Z", "2027-10-31T23:10:00Z", 4_200, day("2027-11-01")),
        ("2027-10-31T22:00:00Z", "2027-10-31T22:59:59Z", 3_599, day("2027-10-01")),
    ];
    let mut watcher = Watcher::default();
    for (from, until, seconds, month) in cases {
        let attempt = stage.attempt_at(AttemptState::Running).await;
        let (started_at, ended_at) = (Some(at(from)), Some(at(until)));
        stage.slurm.has_jobs(vec![JobRow {
            started_at,
            ended_at,
            ..job_row(&attempt, JobState::Completed)
        }]);
        let record = record_of(&attempt, JobState::Completed);
        stage.slurm.has_records(vec![JobRecord { started_at, ended_at, ..record }]);
        watcher.look_for(&stage, 6).await;
        // Use above the hold is taken from what the grant has free, and is charged like the rest.
        let charged: (i64, NaiveDate) = sqlx::query_as(
            "select sum(c.gpu_seconds)::bigint, min(c.month) from accounting.charge c
             join accounting.run r using (run_id) where r.slurm_job_id = $1",
        )
        .bind(i64::from(attempt.spec.job_id))
        .fetch_one(&db)
        .await
        .unwrap();
        assert_eq!(charged, (2 * seconds, month), "{from} to {until}");
    }
}
