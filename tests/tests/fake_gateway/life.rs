//! What happens to one job between its start and its end, and what those who watch are told.

use slurm_wire::{Answer, Call, Changes, Cursor, JobRecord, JobSpec, JobState, RefusalCode};

use crate::Stage;
use crate::caller::{Caller, job, ours};

async fn records(caller: &mut Caller, job_id: u32) -> Vec<JobRecord> {
    match caller.ask(Call::ReadRecords { job_ids: vec![job_id] }).await {
        Some(Answer::Records(records)) => records,
        other => panic!("no records: {other:?}"),
    }
}

async fn changes(caller: &mut Caller, since: Option<Cursor>) -> Changes {
    match caller.ask(Call::WatchJobs { since }).await {
        Some(Answer::Changes(changes)) => changes,
        other => panic!("no changes: {other:?}"),
    }
}

#[tokio::test]
async fn a_suspended_job_keeps_its_gpus_and_its_time_stands_still() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    assert_eq!(caller.refused(Call::Suspend(ours(1))).await, RefusalCode::UnknownJob);
    caller.runs(job(1)).await;
    caller.runs(job(2)).await;
    stage.pass(20);
    for _ in 0..2 {
        caller.does(Call::Suspend(ours(1))).await;
    }
    stage.pass(3_600);
    let row = caller.row(1).await;
    assert_eq!((row.state, row.gpus.len()), (JobState::Suspended, 8));
    assert_eq!(caller.row(2).await.state, JobState::Pending, "nobody else has its GPUs");
    for _ in 0..2 {
        caller.does(Call::Resume(ours(1))).await;
    }
    stage.pass(39);
    assert_eq!(caller.row(1).await.state, JobState::Running);
    stage.pass(1);
    let record = records(&mut caller, 1).await.remove(0);
    assert_eq!((record.state, record.suspended_s), (JobState::Completed, 3_600));
    assert_eq!(record.ended_at.unwrap() - record.started_at.unwrap(), 3_660);
    assert_eq!(caller.refused(Call::Suspend(ours(1))).await, RefusalCode::SlurmRefused);
}

#[tokio::test]
async fn a_suspended_job_can_be_cancelled() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    caller.runs(job(1)).await;
    stage.pass(10);
    caller.does(Call::Suspend(ours(1))).await;
    stage.pass(100);
    caller.does(Call::Cancel(ours(1))).await;
    let record = records(&mut caller, 1).await.remove(0);
    assert_eq!((record.state, record.suspended_s), (JobState::Cancelled, 100));
    assert_eq!(record.ended_at.unwrap() - record.started_at.unwrap(), 110);
}

#[tokio::test]
async fn a_longer_limit_lets_a_job_go_on_and_a_shorter_one_ends_it() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    let long = |job_id| JobSpec {
        time_limit_min: 1,
        script: "#!/bin/sh\nsleep 100\n".into(),
        ..job(job_id)
    };
    caller.runs(long(1)).await;
    caller.does(Call::SetTimeLimit { job: ours(1), time_limit_min: 2 }).await;
    stage.pass(100);
    assert_eq!(caller.row(1).await.state, JobState::Completed);
    let over = Call::SetTimeLimit { job: ours(1), time_limit_min: 3 };
    assert_eq!(caller.refused(over).await, RefusalCode::SlurmRefused);
    let beyond = Call::SetTimeLimit { job: ours(1), time_limit_min: 100_000 };
    assert_eq!(caller.refused(beyond).await, RefusalCode::TimeLimitTooLong);

    caller.runs(JobSpec { time_limit_min: 10, ..long(2) }).await;
    stage.pass(70);
    caller.does(Call::SetTimeLimit { job: ours(2), time_limit_min: 1 }).await;
    assert_eq!(caller.row(2).await.state, JobState::Timeout);
}

#[tokio::test]
async fn a_job_with_a_begin_waits_for_it() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    let begin_at = Some(stage.clock.now().timestamp() + 500);
    caller.runs(JobSpec { begin_at, ..job(1) }).await;
    stage.pass(499);
    assert_eq!(caller.row(1).await.state_reason.as_deref(), Some("BeginTime"));
    stage.pass(1);
    let row = caller.row(1).await;
    assert_eq!((row.state, row.started_at), (JobState::Running, begin_at));
}

#[tokio::test]
async fn a_job_is_requeued_only_where_somebody_allowed_it() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    caller.runs(job(1)).await;
    assert_eq!(caller.refused(Call::Requeue(ours(1))).await, RefusalCode::SlurmRefused);
    stage.pass(10);
    stage.gateway.requeue_by_hand(1);
    let row = caller.row(1).await;
    assert_eq!((row.state, row.restart_count), (JobState::Pending, 1));
    stage.pass(120);
    assert_eq!(caller.row(1).await.state, JobState::Running);
    stage.pass(60);
    let runs = records(&mut caller, 1).await;
    let told: Vec<_> = runs.iter().map(|it| (it.db_index, it.state)).collect();
    assert_eq!(told, [(1, JobState::Cancelled), (2, JobState::Completed)]);
    assert_eq!(runs[0].ended_at.unwrap() - runs[0].started_at.unwrap(), 10);
}

#[tokio::test]
async fn who_watches_is_told_what_changed_and_a_new_worker_tells_everything() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    caller.runs(job(1)).await;
    caller.runs(job(2)).await;
    let first = changes(&mut caller, None).await;
    assert!(first.whole && first.jobs.len() == 2);
    let nothing = changes(&mut caller, Some(first.cursor)).await;
    assert!(!nothing.whole && nothing.jobs.is_empty() && nothing.cursor == first.cursor);

    stage.pass(60);
    let second = changes(&mut caller, Some(first.cursor)).await;
    let states: Vec<_> = second.jobs.iter().map(|row| (row.job_id, row.state)).collect();
    assert_eq!(states, [(1, JobState::Completed), (2, JobState::Running)]);
    // Slurm forgets ended jobs.
    stage.pass(301);
    let third = changes(&mut caller, Some(second.cursor)).await;
    assert_eq!((third.gone, third.jobs.len()), (vec![1], 1));

    stage.gateway.restart_worker();
    let anew = changes(&mut caller, Some(third.cursor)).await;
    assert!(anew.whole && anew.gone.is_empty() && anew.cursor.life != third.cursor.life);
}

#[tokio::test]
async fn ended_runs_are_read_by_their_end_and_sums_of_use_by_the_hour() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    let from = stage.clock.now().timestamp();
    caller.runs(job(1)).await;
    stage.pass(60);
    let ended = |from, until| Call::ReadEnded { from, until };
    let Some(Answer::Records(in_time)) = caller.ask(ended(from, from + 61)).await else { panic!() };
    assert_eq!(in_time.len(), 1);
    let Some(Answer::Records(early)) = caller.ask(ended(from, from + 60)).await else { panic!() };
    assert!(early.is_empty(), "the second after the last is not in it");

    let hour = from - from % 3_600;
    let asked = Call::ReadUsage { from: hour, until: hour + 3_600 };
    let Some(Answer::Usage(none)) = caller.ask(asked.clone()).await else { panic!() };
    assert!(none.is_empty(), "the hour is not over");
    stage.pass(3_600);
    let Some(Answer::Usage(sums)) = caller.ask(asked).await else { panic!() };
    let told: Vec<_> =
        sums.iter().map(|sum| (sum.account.as_str(), sum.tres_seconds["gres/gpu"])).collect();
    assert_eq!(told, [("pub_demo", 480), ("public", 480)]);
    let odd = Call::ReadUsage { from: hour, until: hour + 60 };
    assert_eq!(caller.refused(odd).await, RefusalCode::MalformedCall);
}
