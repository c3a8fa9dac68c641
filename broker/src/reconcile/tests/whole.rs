//! When all say the same, and what is asked to find that out.

use slurm_wire::RefusalCode;

use super::*;

#[sqlx::test(migrations = false)]
async fn where_all_say_the_same_nothing_is_told_and_nothing_is_changed(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (_, record) = stage.charged(|_| {}).await;
    stage.slurm.has_records(vec![record]);
    stage.slurm.has_added_up(&[(ACCOUNT, 120), ("public", 120)]);
    let audited: i64 =
        sqlx::query_scalar("select count(*) from record.audit").fetch_one(&db).await.unwrap();

    let found = stage.compared().await;

    assert_eq!(found.differences, []);
    let totals = Totals {
        gpu_seconds_slurmdbd: TAKES,
        gpu_seconds_settled: TAKES,
        equal: true,
        run_count: 1,
        ..Totals::default()
    };
    assert_eq!(found.totals, totals);
    assert_eq!(found.sreport_until, Some(found.until));
    // 35 days and the one that is not over, and the sums; nothing goes on.
    assert_eq!(found.questions, Questions { slurmctld: 2, slurmdbd: 37, waited: 0 });
    assert_eq!((stage.slurm.heard("read_ended"), stage.slurm.heard("read_records")), (36, 0));
    assert_eq!(stage.slurm.heard_writes(), 0);
    let after: i64 =
        sqlx::query_scalar("select count(*) from record.audit").fetch_one(&db).await.unwrap();
    assert_eq!(audited, after);
}

#[sqlx::test(migrations = false)]
async fn what_the_machine_broke_and_what_had_no_room_are_in_the_totals(db: PgPool) {
    let stage = Stage::set(&db).await;
    let (_, mut broken) = stage.charged(|run| run.state = "NODE_FAIL".to_owned()).await;
    broken.state = JobState::NodeFail;
    let (_, mut long) = stage
        .charged(|run| {
            run.gpu_count = 8;
            run.started_at = at(Some(1_814_400_000)) - TimeDelta::hours(20);
            run.gpu_seconds = GpuSeconds::new(8 * (20 * 3_600 + 60)).unwrap();
        })
        .await;
    long.started_at = long.started_at.map(|at| at - 20 * 3_600);
    long.tres = [("gres/gpu".to_owned(), 8)].into();
    let took = 8 * (20 * 3_600 + 60);
    stage.slurm.has_records(vec![broken, long]);
    stage.slurm.has_added_up(&[(ACCOUNT, 120 + u64::try_from(took).unwrap())]);

    let found = stage.compared().await;

    assert_eq!(found.differences, []);
    let Totals { gpu_seconds_settled, gpu_seconds_overrun, gpu_seconds_not_charged, .. } =
        found.totals;
    assert_eq!(gpu_seconds_not_charged, TAKES);
    assert_eq!(gpu_seconds_settled, 100 * 3_600, "all that the grant had");
    assert_eq!(gpu_seconds_settled + gpu_seconds_overrun, took);
    assert!(found.totals.equal);
}

#[sqlx::test(migrations = false)]
async fn what_was_cancelled_before_its_start_and_what_goes_on_is_no_difference(db: PgPool) {
    let stage = Stage::set(&db).await;
    let cancelled = stage.attempt_at(AttemptState::Submitted).await;
    let mut never = record_of(&cancelled, JobState::Cancelled);
    (never.started_at, never.tres) = (None, [].into());
    let runs = stage.attempt_at(AttemptState::Running).await;
    let mut running = record_of(&runs, JobState::Running);
    running.ended_at = None;
    let waits = stage.attempt_at(AttemptState::Submitted).await;
    stage
        .slurm
        .has_jobs(vec![job_row(&runs, JobState::Running), job_row(&waits, JobState::Pending)]);
    stage.slurm.has_records(vec![never, running]);
    // slurmdbd counts what goes on, until the last whole hour.
    stage.slurm.has_added_up(&[(ACCOUNT, 2 * 12 * 3_600)]);
    let stamp = by(stage.person_id, stage.app.clock.now());
    let mut tx = db.begin().await.unwrap();
    hold::release(&mut tx, cancelled.hold_id, hold::ReleaseReason::Cancelled, &stamp)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    stage.stands_at(&cancelled, "cancelled").await;

    assert_eq!(stage.causes().await, []);
    // The one that waits is slurmctld's to tell: only the other is asked for by its id.
    assert_eq!(stage.slurm.heard("read_records"), 1);
}

#[sqlx::test(migrations = false)]
async fn who_asks_too_often_waits_and_what_moves_meanwhile_is_left_out(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = stage.attempt_at(AttemptState::Released).await;
    stage.slurm.has_records(vec![record_of(&attempt, JobState::Completed)]);
    stage.slurm.has_added_up(&[(ACCOUNT, 120)]);
    stage.slurm.refuses("read_usage", Some(RefusalCode::AskedTooOften));

    let stage = std::sync::Arc::new(stage);
    let comparing = tokio::spawn({
        let stage = stage.clone();
        async move { stage.compared().await }
    });
    for _ in 0..100 {
        if stage.slurm.heard("read_usage") > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    stage.stands_at(&attempt, "running").await;
    stage.slurm.refuses("read_usage", None);

    let found = comparing.await.unwrap();
    assert_eq!((found.differences, found.in_motion), (vec![], 1));
    assert_eq!(found.totals, Totals { equal: true, ..Totals::default() });
    assert_eq!(found.questions.waited, 1);
}
