//! Arrays: many tasks, one id, one key.

use std::collections::BTreeSet;

use slurm_wire::{Answer, Call, JobSpec, JobState, RefusalCode, Submitted, TaskArray};
use testbed::poll;

use crate::rig::{BOUND, Rig, now_s, ours};

const TASKS: u32 = 20;

fn array(rig: &mut Rig, script: &str) -> JobSpec {
    JobSpec {
        array: Some(TaskArray { task_count: TASKS, at_once: Some(4) }),
        script: format!("#!/bin/sh\n{script}\n"),
        ..rig.spec()
    }
}

#[tokio::test]
async fn twenty_tasks_submitted_twice_are_one_array_and_each_runs_once() {
    let mut rig = Rig::start(1).await;
    let from = now_s();
    let spec = array(&mut rig, "echo task $SLURM_ARRAY_TASK_ID");
    let job_id = spec.job_id;
    for adopted in [false, true] {
        let answer = rig.ask(Call::Submit(Box::new(spec.clone()))).await;
        assert_eq!(answer, Answer::Submitted(Submitted { job_id, adopted }));
    }
    let rows = rig.rows(job_id).await;
    assert_eq!(rows.len(), 1, "nothing is split off while it is held: {rows:?}");
    assert_eq!(rows[0].state_reason.as_deref(), Some("JobHeldAdmin"));
    assert_eq!((rows[0].array_job_id, rows[0].array_task_id), (Some(job_id), None));

    rig.does(Call::Release(ours(job_id))).await;
    poll::until("every task to end", BOUND, async || {
        let rows = rig.rows(job_id).await;
        Ok(rows.len() == 20 && rows.iter().all(|row| row.state == JobState::Completed))
    })
    .await
    .unwrap();
    // Still one array, as long as slurmctld has any of it.
    let answer = rig.ask(Call::Submit(Box::new(spec.clone()))).await;
    assert_eq!(answer, Answer::Submitted(Submitted { job_id, adopted: true }));
    let rows = rig.rows(job_id).await;
    let numbers: BTreeSet<_> = rows.iter().filter_map(|row| row.array_task_id).collect();
    assert_eq!(numbers, (0..TASKS).collect());
    let of_range = rows.iter().filter(|row| row.job_id == job_id).count();
    assert_eq!(of_range, 1, "the last task has the array's own id: {rows:?}");
    assert!(rows.iter().all(|row| row.admin_comment.as_deref() == Some(spec.key.as_str())));

    let records = poll::until_some("slurmdbd to have every run", BOUND, async || {
        let mut records = rig.ended(from).await;
        records.retain(|it| it.asked_id() == job_id);
        Ok((records.len() == 20).then_some(records))
    })
    .await
    .unwrap();
    let mut named = match rig.ask(Call::ReadRecords { job_ids: vec![job_id] }).await {
        Answer::Records(records) => records,
        other => panic!("{other:?}"),
    };
    // 24.11 may leave a second row of the last task, submitted when that task began and waiting for
    // ever (`sacctmgr show runawayjobs` lists it); 22.05 and 26.05 do not.
    named.retain(|it| it.ended_at.is_some());
    assert_eq!(named.len(), 20, "one id names all tasks to slurmdbd too: {named:?}");
    let sacct = rig.cluster.sacct_rows(job_id).await.unwrap();
    let ended = sacct.iter().filter(|row| row.state != "PENDING");
    let theirs: BTreeSet<_> = ended.map(|row| row.db_index.parse::<u64>().unwrap()).collect();
    assert_eq!(records.iter().map(|it| it.db_index).collect::<BTreeSet<_>>(), theirs);
    for task in 0..TASKS {
        let output = std::path::Path::new(&spec.work_dir).join(format!("job-{job_id}_{task}.out"));
        assert_eq!(std::fs::read_to_string(output).unwrap(), format!("task {task}\n"));
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_change_reaches_every_task_that_can_have_it() {
    let mut rig = Rig::start(1).await;
    let spec = array(&mut rig, "sleep 300");
    let job_id = rig.runs(spec.clone()).await;
    let job = ours(job_id);
    poll::until("four tasks to run", BOUND, async || {
        let rows = rig.rows(job_id).await;
        Ok(rows.iter().filter(|row| row.state == JobState::Running).count() == 4)
    })
    .await
    .unwrap();
    let single = JobSpec { array: None, ..spec };
    assert_eq!(rig.refused(Call::Submit(Box::new(single))).await.0, RefusalCode::JobIdTaken);

    rig.does(Call::SetTimeLimit { job: job.clone(), time_limit_min: 7 }).await;
    let rows = rig.rows(job_id).await;
    assert_eq!(rows.len(), 5, "four that run, and a row for the others: {rows:?}");
    assert!(rows.iter().all(|row| row.time_limit_min == Some(7)), "{rows:?}");
    rig.does(Call::Suspend(job.clone())).await;
    let states =
        |rows: &[slurm_wire::JobRow], state| rows.iter().filter(|it| it.state == state).count();
    assert_eq!(states(&rig.rows(job_id).await, JobState::Suspended), 4);
    rig.does(Call::Resume(job.clone())).await;
    assert_eq!(states(&rig.rows(job_id).await, JobState::Running), 4);
    rig.does(Call::Hold(job.clone())).await;
    let rows = rig.rows(job_id).await;
    assert_eq!(rows.iter().filter(|row| row.held).count(), 1, "only what waits: {rows:?}");

    rig.does(Call::Cancel(job.clone())).await;
    poll::until("every task to be cancelled", BOUND, async || {
        Ok(rig.rows(job_id).await.iter().all(|row| row.state == JobState::Cancelled))
    })
    .await
    .unwrap();
    rig.does(Call::Cancel(job)).await;
    let many = TaskArray { task_count: 101, at_once: None };
    let many = JobSpec { array: Some(many), ..rig.spec() };
    assert_eq!(rig.refused(Call::Submit(Box::new(many))).await.0, RefusalCode::TooManyTasks);
    rig.stop().await;
}
