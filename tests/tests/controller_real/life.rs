//! A job's life by the gateway's calls: begun late, stopped, gone on, given more time, started over.

use std::time::Duration;

use slurm_wire::{Answer, Call, JobRecord, JobRow, JobSpec, JobState, OurJob, RefusalCode};
use testbed::poll;

use crate::rig::{BOUND, Rig, now_s, ours};

#[tokio::test]
async fn a_job_is_stopped_goes_on_gets_more_time_and_starts_over() {
    let mut rig = Rig::start(1).await;
    let from = now_s();
    let spec = rig.spec();
    let job_id = rig.runs(spec).await;
    let job = ours(job_id);
    rig.until(job_id, JobState::Running).await;

    rig.does(Call::Suspend(job.clone())).await;
    rig.does(Call::Suspend(job.clone())).await;
    assert_eq!(rig.row(job_id).await.state, JobState::Suspended);
    // Slurm counts whole seconds.
    tokio::time::sleep(Duration::from_secs(2)).await;
    rig.does(Call::Resume(job.clone())).await;
    rig.does(Call::Resume(job.clone())).await;
    assert_eq!(rig.row(job_id).await.state, JobState::Running);

    let limit = |time_limit_min| Call::SetTimeLimit { job: job.clone(), time_limit_min };
    rig.does(limit(9)).await;
    rig.does(limit(9)).await;
    assert_eq!(rig.row(job_id).await.time_limit_min, Some(9));
    for time_limit_min in [0, 1441] {
        assert_eq!(rig.refused(limit(time_limit_min)).await, (RefusalCode::TimeLimitTooLong, None));
    }

    // The broker's jobs are submitted without, so only an operator makes this possible.
    let again = Call::Requeue(job.clone());
    assert_eq!(rig.refused(again.clone()).await.0, RefusalCode::SlurmRefused);
    rig.cluster
        .output("scontrol", &["update", &format!("job={job_id}"), "requeue=1"])
        .await
        .unwrap();
    rig.does(again.clone()).await;
    rig.until(job_id, JobState::Pending).await;
    rig.does(again).await;
    assert_eq!(rig.row(job_id).await.restart_count, 1);
    // Cancelled while the run still ends, it would leave that one record and no other.
    poll::until("the run to be cleaned up", BOUND, async || Ok(!rig.row(job_id).await.completing))
        .await
        .unwrap();
    rig.does(Call::Cancel(job.clone())).await;

    let records = until_ended(&mut rig, job_id, from, 2).await;
    assert!(records.iter().all(|it| it.state == JobState::Cancelled), "{records:?}");
    assert!(records[0].suspended_s >= 1, "{records:?}");
    assert_eq!(records[1].started_at, None, "it never ran again: {records:?}");
    assert_eq!(rig.refused(limit(10)).await.0, RefusalCode::SlurmRefused);
    rig.does(Call::Cancel(job)).await;
    rig.stop().await;
}

/// Waits until slurmdbd tells of so many ended runs of a job, in the order of their ends.
async fn until_ended(rig: &mut Rig, job_id: u32, from: i64, count: usize) -> Vec<JobRecord> {
    poll::until_some("slurmdbd to have the runs", BOUND, async || {
        let mut records = rig.ended(from).await;
        records.retain(|it| it.asked_id() == job_id);
        records.sort_by_key(|it| it.db_index);
        Ok((records.len() == count).then_some(records))
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_job_does_not_begin_before_its_time_however_early_it_is_released() {
    let mut rig = Rig::start(1).await;
    let begin_at = now_s() + 6;
    let spec = JobSpec { begin_at: Some(begin_at), ..rig.spec() };
    let job_id = rig.runs(spec).await;
    poll::until("the job to wait for its time", BOUND, async || {
        Ok(rig.row(job_id).await.state_reason.as_deref() == Some("BeginTime"))
    })
    .await
    .unwrap();
    rig.until(job_id, JobState::Running).await;
    assert!(rig.row(job_id).await.started_at.unwrap() >= begin_at);
    rig.stop().await;
}

/// A job that has just started may still be told to wait for its prolog.
fn without_reason(row: JobRow) -> JobRow {
    JobRow { state_reason: None, ..row }
}

#[tokio::test]
async fn a_job_with_another_key_is_left_alone_by_every_call_that_writes() {
    let mut rig = Rig::start(1).await;
    let spec = rig.spec();
    let job_id = rig.runs(spec).await;
    rig.until(job_id, JobState::Running).await;
    let before = without_reason(rig.row(job_id).await);
    let unmarked = rig.spec().job_id;
    for key in ["mimer:test:1", "mimer:test:100", "MIMER:TEST:1"] {
        let wrong = OurJob { job_id, key: key.to_owned() };
        let code =
            if key.starts_with("mimer:") { RefusalCode::NotOurJob } else { RefusalCode::BadKey };
        for call in every_writing_call(&wrong) {
            assert_eq!(rig.refused(call.clone()).await, (code, None), "{call:?}");
        }
    }
    for call in every_writing_call(&ours(unmarked)) {
        assert_eq!(rig.refused(call.clone()).await.0, RefusalCode::UnknownJob, "{call:?}");
    }
    for call in every_writing_call(&ours(99)) {
        assert_eq!(rig.refused(call.clone()).await.0, RefusalCode::JobIdOutOfRange, "{call:?}");
    }
    assert_eq!(without_reason(rig.row(job_id).await), before, "nothing was changed");

    // Another key for an id that is taken is another job, which cannot be.
    let other = JobSpec { job_id, key: "mimer:test:other".to_owned(), ..rig.spec() };
    assert_eq!(rig.refused(Call::Submit(Box::new(other))).await.0, RefusalCode::JobIdTaken);
    // Moved out of the broker's accounts by an operator, it is not the broker's any more.
    rig.sacctmgr(&["add", "user", &rig.project.name, "account=research"]).await;
    let waits = JobSpec { begin_at: Some(now_s() + 3600), ..rig.spec() };
    let waits = rig.submits(waits).await;
    let moved = format!("job={waits}");
    rig.cluster
        .output("scontrol", &["update", &moved, "account=research", "partition=research"])
        .await
        .unwrap();
    for call in every_writing_call(&ours(waits)) {
        assert_eq!(rig.refused(call.clone()).await.0, RefusalCode::NotOurJob, "{call:?}");
    }
    assert!(matches!(rig.ask(Call::Ping).await, Answer::Pong));
    rig.stop().await;
}

fn every_writing_call(job: &OurJob) -> Vec<Call> {
    let job = || job.clone();
    vec![
        Call::Release(job()),
        Call::Hold(job()),
        Call::Nudge(job()),
        Call::ChangeQos { job: job(), qos: "mimer_low".to_owned() },
        Call::Suspend(job()),
        Call::Resume(job()),
        Call::Requeue(job()),
        Call::SetTimeLimit { job: job(), time_limit_min: 7 },
        Call::Cancel(job()),
    ]
}
