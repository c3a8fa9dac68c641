//! Arrays: one attempt, one hold, each incarnation of each task a run.

use sqlx::PgPool;

use super::*;

/// An attempt of an array of `task_count` tasks that stands at `Released`.
async fn array(stage: &Stage, task_count: i64) -> Attempt {
    let ask = crate::plan::Ask { task_count, tasks_at_once: Some(2), ..stage.ask() };
    let admission = stage.submit(&ask).await.unwrap();
    let now = stage.app.clock.now();
    let mut connection = stage.app.db.acquire().await.unwrap();
    let attempt_id = admission.attempt_id;
    crate::plan::attempt::queued(&mut connection, attempt_id, now).await.unwrap();
    sqlx::query("update broker.attempt set state = 'released'")
        .execute(&mut *connection)
        .await
        .unwrap();
    crate::plan::attempt::by_id(&mut connection, attempt_id).await.unwrap()
}

fn task_row(attempt: &Attempt, (job_id, task): (u32, u32), state: JobState) -> JobRow {
    JobRow {
        job_id,
        array_job_id: Some(attempt.spec.job_id),
        array_task_id: Some(task),
        ..job_row(attempt, state)
    }
}

/// The rest of an array that no task was split off of yet.
fn rest_row(attempt: &Attempt, state: JobState) -> JobRow {
    JobRow {
        array_job_id: Some(attempt.spec.job_id),
        gpus: vec![],
        started_at: None,
        ..job_row(attempt, state)
    }
}

fn task_record(attempt: &Attempt, (job_id, task): (u32, u32), seconds: i64) -> JobRecord {
    JobRecord {
        job_id,
        array_job_id: Some(attempt.spec.job_id),
        array_task_id: Some(task),
        ..record_at(attempt, JobState::Completed, (u64::from(job_id), 0, Some(seconds)))
    }
}

#[sqlx::test(migrations = false)]
async fn an_array_is_settled_when_its_last_task_is_told(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = array(&stage, 3).await;
    let own = attempt.spec.job_id;
    let tasks = [(20_000_001, 0), (20_000_002, 1), (own, 2)];
    stage.slurm.has_jobs(vec![
        task_row(&attempt, tasks[0], JobState::Running),
        rest_row(&attempt, JobState::Pending),
    ]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 2).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Running);

    let submitted_at = record_of(&attempt, JobState::Completed).submitted_at;
    let record = |task, seconds| JobRecord { submitted_at, ..task_record(&attempt, task, seconds) };
    // Two are told, the third is over and not told; then it is.
    stage.slurm.has_jobs(
        tasks.iter().map(|task| task_row(&attempt, *task, JobState::Completed)).collect(),
    );
    stage.slurm.has_records(vec![record(tasks[0], 10), record(tasks[1], 20)]);
    watcher.look_for(&stage, 30).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Ended);
    stage.slurm.has_records(tasks.iter().map(|task| record(*task, 30)).collect());
    watcher.look_for(&stage, 6).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(runs(&stage).await.1, 3);
    let told: Vec<(i32, String)> =
        sqlx::query_as("select task_no, slurm_state from broker.task order by task_no")
            .fetch_all(&db)
            .await
            .unwrap();
    let completed = |no| (no, "COMPLETED".to_owned());
    assert_eq!(told, [completed(0), completed(1), completed(2)]);
}

#[sqlx::test(migrations = false)]
async fn tasks_that_never_left_the_queue_are_told_by_one_record(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = array(&stage, 20).await;
    let first = (20_000_001, 0);
    stage.slurm.has_jobs(vec![
        task_row(&attempt, first, JobState::Cancelled),
        rest_row(&attempt, JobState::Cancelled),
    ]);
    let submitted_at = record_of(&attempt, JobState::Completed).submitted_at;
    let rest = JobRecord {
        started_at: None,
        tres: [].into(),
        array_job_id: Some(attempt.spec.job_id),
        ..record_of(&attempt, JobState::Cancelled)
    };
    let ran =
        JobRecord { submitted_at, state: JobState::Cancelled, ..task_record(&attempt, first, 15) };
    stage.slurm.has_records(vec![ran, rest]);
    Watcher::default().look_for(&stage, 6).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
    assert_eq!(stage.held_and_settled().await, (0, 30));
}

/// Somebody took one waiting task out with `scancel 7_1`: nobody has a record of it (22.05).
#[sqlx::test(migrations = false)]
async fn a_task_that_nobody_tells_of_keeps_the_hold_for_a_while_and_not_for_ever(db: PgPool) {
    let stage = Stage::set(&db).await;
    let attempt = array(&stage, 2).await;
    let first = (attempt.spec.job_id, 0);
    stage.slurm.has_jobs(vec![task_row(&attempt, first, JobState::Completed)]);
    let submitted_at = record_of(&attempt, JobState::Completed).submitted_at;
    let record = JobRecord { submitted_at, ..task_record(&attempt, first, 15) };
    stage.slurm.has_records(vec![record]);
    let mut watcher = Watcher::default();
    watcher.look_for(&stage, 300).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Ended);
    watcher.look_for(&stage, 700).await;
    assert_eq!(stage.state_of(&attempt).await, AttemptState::Settled);
}
