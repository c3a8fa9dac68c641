//! Arrays: one row for what waits, one more for each task that was split off.

use slurm_wire::{Answer, Call, JobRecord, JobRow, JobSpec, JobState, RefusalCode, TaskArray};
use testbed::fake_gateway::FakePlan;

use crate::Stage;
use crate::caller::{Caller, job, ours};

/// An array of tasks with one GPU each.
fn array(job_id: u32, task_count: u32, at_once: Option<u32>) -> JobSpec {
    JobSpec { array: Some(TaskArray { task_count, at_once }), gpu_count: 1, ..job(job_id) }
}

async fn rows(caller: &mut Caller, job_id: u32) -> Vec<JobRow> {
    match caller.ask(Call::ReadJobs { job_ids: vec![job_id] }).await {
        Some(Answer::Jobs(rows)) => rows,
        other => panic!("no rows: {other:?}"),
    }
}

async fn records(caller: &mut Caller, job_id: u32) -> Vec<JobRecord> {
    match caller.ask(Call::ReadRecords { job_ids: vec![job_id] }).await {
        Some(Answer::Records(records)) => records,
        other => panic!("no records: {other:?}"),
    }
}

fn running(rows: &[JobRow]) -> Vec<u32> {
    let runs = rows.iter().filter(|row| row.state == JobState::Running);
    runs.filter_map(|row| row.array_task_id).collect()
}

#[tokio::test]
async fn tasks_are_split_off_as_they_start_and_the_last_keeps_the_arrays_id() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    caller.ask(Call::Submit(Box::new(array(7, 10, None)))).await;
    let held = rows(&mut caller, 7).await;
    assert_eq!((held.len(), held[0].job_id, held[0].held), (1, 7, true));
    assert_eq!((held[0].array_job_id, held[0].array_task_id), (Some(7), None));

    caller.does(Call::Release(ours(7))).await;
    let started = rows(&mut caller, 7).await;
    assert_eq!(running(&started), [0, 1, 2, 3, 4, 5, 6, 7], "eight GPUs, eight tasks");
    assert!(started.iter().all(|row| row.asked_id() == 7));
    assert!(started.iter().filter(|row| row.array_task_id.is_some()).all(|row| row.job_id > 1_000));
    let own_key = Some("key-7".to_owned());
    assert!(started.iter().all(|row| row.admin_comment == own_key));

    stage.pass(60);
    stage.pass(60);
    let ended = records(&mut caller, 7).await;
    assert_eq!(ended.len(), 10);
    assert!(ended.iter().all(|record| record.state == JobState::Completed));
    let last = ended.iter().find(|record| record.array_task_id == Some(9)).unwrap();
    assert_eq!((last.job_id, last.asked_id()), (7, 7));
    let mut ids: Vec<u64> = ended.iter().map(|record| record.db_index).collect();
    ids.dedup();
    assert_eq!(ids.len(), 10, "each task has its own record");
}

#[tokio::test]
async fn no_more_tasks_run_at_once_than_were_asked_for() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    caller.runs(array(7, 5, Some(2))).await;
    let first = rows(&mut caller, 7).await;
    assert_eq!(running(&first), [0, 1]);
    let rest = first.iter().find(|row| row.state == JobState::Pending).unwrap();
    assert_eq!(rest.state_reason.as_deref(), Some("JobArrayTaskLimit"));
    stage.pass(60);
    assert_eq!(running(&rows(&mut caller, 7).await), [2, 3]);
}

#[tokio::test]
async fn a_change_of_an_array_reaches_every_task_that_can_have_it() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    caller.runs(array(7, 10, None)).await;
    caller.does(Call::Hold(ours(7))).await;
    caller.does(Call::Suspend(ours(7))).await;
    caller.does(Call::SetTimeLimit { job: ours(7), time_limit_min: 30 }).await;
    let all = rows(&mut caller, 7).await;
    assert_eq!(all.iter().filter(|row| row.state == JobState::Suspended).count(), 8);
    assert!(all.iter().all(|row| row.time_limit_min == Some(30)));
    stage.pass(600);
    assert_eq!(running(&rows(&mut caller, 7).await), [] as [u32; 0], "time stands still");
    caller.does(Call::Resume(ours(7))).await;
    stage.pass(60);
    let waiting = rows(&mut caller, 7).await;
    assert!(waiting.iter().any(|row| row.held && row.array_task_id.is_none()), "{waiting:?}");

    caller.does(Call::Cancel(ours(7))).await;
    let ended = records(&mut caller, 7).await;
    assert_eq!(ended.len(), 9, "eight tasks, and what never started in one");
    let rest = ended.iter().find(|record| record.array_task_id.is_none()).unwrap();
    assert_eq!((rest.state, rest.started_at), (JobState::Cancelled, None));
    assert!(ended.iter().all(|record| record.array_task_id.is_none() || record.suspended_s == 600));
}

#[tokio::test]
async fn an_array_above_the_bounds_is_refused_by_name() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    for task_count in [0, 1_001] {
        let code = caller.refusal_of(array(7, task_count, None)).await;
        assert_eq!(code, RefusalCode::TooManyTasks);
    }
}

#[tokio::test]
async fn a_gateway_that_may_not_choose_ids_takes_slurms_and_finds_them_by_the_mark() {
    let stage = Stage::with(FakePlan { explicit_ids: false, ..FakePlan::default() });
    let mut caller = Caller::greet(&stage.gateway).await;
    let Some(Answer::Submitted(first)) = caller.ask(Call::Submit(Box::new(job(7)))).await else {
        panic!("not submitted")
    };
    assert!(first.job_id != 7 && !first.adopted);
    let Some(Answer::Submitted(again)) = caller.ask(Call::Submit(Box::new(job(7)))).await else {
        panic!("not submitted")
    };
    assert_eq!((again.job_id, again.adopted), (first.job_id, true));
    let own = slurm_wire::OurJob { job_id: first.job_id, key: "key-7".to_owned() };
    caller.does(Call::Release(own)).await;
    assert_eq!(caller.row(first.job_id).await.state, JobState::Running);
}
