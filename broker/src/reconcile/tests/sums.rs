//! Slurm's own sums: whole, behind, and wrong.

use super::*;

/// A job of the stage that ended `hours` before noon.
async fn ended_before_noon(stage: &Stage, hours: i64) -> JobRecord {
    let noon = stage.app.clock.now();
    let ended_at = noon - TimeDelta::hours(hours);
    let started_at = ended_at - TimeDelta::seconds(60);
    let set = |run: &mut NewRun| (run.started_at, run.ended_at) = (started_at, ended_at);
    let (_, record) = stage.charged(set).await;
    let (started_at, ended_at) = (Some(started_at.timestamp()), Some(ended_at.timestamp()));
    JobRecord { started_at, ended_at, ..record }
}

#[sqlx::test(migrations = false)]
async fn sreport_behind(db: PgPool) {
    let stage = Stage::set(&db).await;
    let records = vec![ended_before_noon(&stage, 5).await, ended_before_noon(&stage, 1).await];
    stage.slurm.has_records(records);
    stage.slurm.has_added_up(&[(ACCOUNT, 240)]);
    let noon = stage.app.clock.now();
    assert_eq!(stage.compared().await.sreport_until, Some(noon));

    stage.slurm.has_added_up(&[(ACCOUNT, 120)]);
    let found = stage.compared().await;
    let [difference] = &found.differences[..] else { panic!("{found:?}") };
    assert_eq!((difference.cause, difference.gpu_seconds), (Cause::SreportBehind, Some(TAKES)));
    // The hour from ten to eleven is the first that it lacks.
    assert_eq!(found.sreport_until, Some(noon - TimeDelta::hours(2)));
    assert!(found.totals.equal, "the charges are right all the same");

    stage.slurm.has_added_up(&[]);
    assert_eq!(stage.causes().await, [Cause::SreportBehind], "nothing is added up yet");
}

#[sqlx::test(migrations = false)]
async fn sreport_differs(db: PgPool) {
    let stage = Stage::set(&db).await;
    let records = vec![ended_before_noon(&stage, 5).await, ended_before_noon(&stage, 1).await];
    stage.slurm.has_records(records);
    stage.slurm.has_added_up(&[(ACCOUNT, 250)]);
    let found = stage.compared().await;
    let [difference] = &found.differences[..] else { panic!("{found:?}") };
    assert_eq!((difference.cause, difference.gpu_seconds), (Cause::SreportDiffers, Some(10)));
    assert_eq!(difference.account.as_deref(), Some(ACCOUNT));
}

#[sqlx::test(migrations = false)]
async fn a_run_over_midnight_and_over_the_start_is_counted_hour_by_hour(db: PgPool) {
    let stage = Stage::set(&db).await;
    let noon = stage.app.clock.now();
    let stretch = Stretch::of(Some(noon - TimeDelta::hours(2)), None, noon).unwrap();
    // From half past nine until half past eleven on two GPUs; the stretch begins at ten.
    let started_at = noon - TimeDelta::minutes(150);
    let ended_at = noon - TimeDelta::minutes(30);
    let (_, record) = stage
        .charged(|run| {
            (run.started_at, run.ended_at) = (started_at, ended_at);
            run.gpu_seconds = GpuSeconds::new(2 * 7_200).unwrap();
        })
        .await;
    let (started_at, ended_at) = (Some(started_at.timestamp()), Some(ended_at.timestamp()));
    stage.slurm.has_records(vec![JobRecord { started_at, ended_at, ..record }]);
    stage.slurm.has_added_up(&[(ACCOUNT, 2 * 5_400)]);
    let found = reconcile(&stage.app, stretch).await.unwrap();
    assert_eq!(found.differences, []);
    assert_eq!(found.totals.gpu_seconds_slurmdbd, 2 * 7_200, "charged whole, where it ended");
    assert_eq!(found.questions.slurmdbd, 2);
}
