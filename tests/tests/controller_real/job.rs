//! One job: held again, nudged, given another QOS, kept whole, and strangers beside it.

use slurm_wire::{Answer, Call, JobSpec, JobState, RefusalCode};
use testbed::poll;

use crate::rig::{ACCOUNT, BOUND, Rig, now_s, ours};

#[tokio::test]
async fn what_slurm_does_not_have_yet_is_told_apart_and_the_same_id_is_taken_later() {
    let mut rig = Rig::start(1).await;
    let (first, second, third) = (rig.spec(), rig.spec(), rig.spec());
    let stranger = JobSpec { uid: rig.researcher.uid, gid: rig.researcher.gid, ..first.clone() };
    let no_qos = JobSpec { qos: Some("mimer_nosuch".to_owned()), ..second.clone() };
    let no_room = JobSpec { reservation: Some("mimer_nosuch".to_owned()), ..third.clone() };
    for (lacking, errno, good) in
        [(stranger, 2045, first), (no_qos, 2066, second), (no_room, 2053, third)]
    {
        let refused = rig.refused(Call::Submit(Box::new(lacking))).await;
        assert_eq!(refused, (RefusalCode::NotKnownToSlurmYet, Some(errno)));
        assert!(refused.0.retry_helps());
        rig.submits(good).await;
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_waiting_job_is_held_again_and_a_running_one_is_not() {
    let mut rig = Rig::start(1).await;
    let whole = JobSpec { gpu_count: 8, whole_node: true, cpu_count: 1, ..rig.spec() };
    let running = rig.runs(whole).await;
    rig.until(running, JobState::Running).await;
    let tres = rig.row(running).await.tres_alloc.unwrap();
    assert!(tres.contains("gres/gpu:h200=8") && tres.contains("cpu=64"), "the whole node: {tres}");

    let spec = rig.spec();
    let waiting = rig.runs(spec).await;
    assert!(!rig.row(waiting).await.held);
    rig.does(Call::Hold(ours(waiting))).await;
    let row = rig.row(waiting).await;
    assert_eq!((row.held, row.state_reason.as_deref()), (true, Some("JobHeldAdmin")));
    let refused = rig.refused(Call::Hold(ours(running))).await;
    assert_eq!(refused.0, RefusalCode::SlurmRefused);
    assert!(!rig.row(running).await.held);

    rig.sacctmgr(&["add", "qos", "mimer_low"]).await;
    let account = format!("account={ACCOUNT}");
    let change = ["modify", "user", &rig.project.name, "where", &account, "set", "qos+=mimer_low"];
    rig.sacctmgr(&change).await;
    rig.does(Call::ChangeQos { job: ours(waiting), qos: "mimer_low".to_owned() }).await;
    assert_eq!(rig.cluster.squeue_row(waiting).await.unwrap().unwrap().qos, "mimer_low");
    let call = Call::ChangeQos { job: ours(running), qos: "mimer_low".to_owned() };
    assert_eq!(rig.refused(call).await, (RefusalCode::SlurmRefused, Some(2073)));
    let call = Call::ChangeQos { job: ours(waiting), qos: "mimer_nosuch".to_owned() };
    assert_eq!(rig.refused(call).await, (RefusalCode::NotKnownToSlurmYet, Some(2066)));

    rig.does(Call::Cancel(ours(running))).await;
    rig.until(running, JobState::Cancelled).await;
    rig.does(Call::Nudge(ours(running))).await;
    rig.does(Call::Release(ours(waiting))).await;
    rig.until(waiting, JobState::Running).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_job_that_cannot_end_before_its_deadline_is_given_up() {
    let mut rig = Rig::start(1).await;
    // Just in time when it is submitted, or 24.11 would not take it.
    let deadline = now_s() + 65;
    let late = JobSpec { deadline: Some(deadline), time_limit_min: 1, ..rig.spec() };
    let late = rig.submits(late).await;
    // Nobody looks at a job while it is held: Slurm has come to a later one meanwhile.
    let later = rig.spec();
    let later = rig.runs(later).await;
    rig.until(later, JobState::Running).await;
    let too_late =
        poll::until("too little time to be left", BOUND, async || Ok(now_s() + 60 > deadline));
    too_late.await.unwrap();
    assert_eq!(rig.row(late).await.state, JobState::Pending);
    rig.does(Call::Release(ours(late))).await;
    rig.until(late, JobState::Deadline).await;
    let over = JobSpec { deadline: Some(now_s() - 60), ..rig.spec() };
    let refused = rig.refused(Call::Submit(Box::new(over))).await;
    assert_eq!(refused, (RefusalCode::SlurmRefused, Some(2051)));
    let fine = JobSpec { deadline: Some(now_s() + 3600), ..rig.spec() };
    let fine = rig.runs(fine).await;
    rig.until(fine, JobState::Running).await;
    rig.stop().await;
}

/// The testbed schedules each second, so this shows that a nudge wakes the job, not how much it saves.
#[tokio::test]
async fn a_raised_limit_and_a_nudge_start_the_job_that_waited_for_it() {
    let mut rig = Rig::start(1).await;
    let fence = ["add", "qos", "mimer_pub_demo", "GrpTRESMins=gres/gpu=1", "flags=NoDecay"];
    rig.sacctmgr(&fence).await;
    let account = format!("account={ACCOUNT}");
    let allowed = ["modify", "user", &rig.project.name, "where", &account];
    rig.sacctmgr(
        &[&allowed[..], &["set", "qos=mimer_pub_demo", "defaultqos=mimer_pub_demo"]].concat(),
    )
    .await;
    let spec = JobSpec { qos: Some("mimer_pub_demo".to_owned()), ..rig.spec() };
    let job_id = rig.runs(spec).await;
    poll::until("the job to wait for its QOS's minutes", BOUND, async || {
        Ok(rig.row(job_id).await.state_reason.as_deref() == Some("QOSGrpGRESMinutes"))
    })
    .await
    .unwrap();
    rig.sacctmgr(&["modify", "qos", "mimer_pub_demo", "set", "GrpTRESMins=gres/gpu=100"]).await;
    rig.does(Call::Nudge(ours(job_id))).await;
    rig.until(job_id, JobState::Running).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_job_past_the_broker_is_a_stranger_and_is_cancelled_and_no_other_is() {
    let mut rig = Rig::start(1).await;
    let (uid, gid) = (format!("--uid={}", rig.project.uid), format!("--gid={}", rig.project.gid));
    let past = ["--parsable", &uid, &gid, "-A", ACCOUNT, "-p", "research", "-t", "1", "-D", "/tmp"];
    let past = [&past[..], &["-o", "/dev/null", "--wrap=sleep 300"]].concat();
    let stranger = rig.cluster.output("sbatch", &past).await.unwrap();
    let stranger: u32 = stranger.trim().parse().unwrap();
    let research = rig.researches(&[]);
    let spec = rig.spec();
    let ours = rig.submits(spec).await;

    match rig.ask(Call::ReadStrangers).await {
        Answer::Jobs(rows) => {
            assert_eq!(rows.iter().map(|row| row.job_id).collect::<Vec<_>>(), [stranger]);
        }
        other => panic!("{other:?}"),
    }
    for job_id in [ours, research] {
        let refused = rig.refused(Call::CancelStranger { job_id }).await;
        assert_eq!(refused.0, RefusalCode::NotAStranger, "job {job_id}");
    }
    rig.does(Call::CancelStranger { job_id: stranger }).await;
    rig.until_squeue(research, "RUNNING").await;
    assert_eq!(rig.row(ours).await.state, JobState::Pending);
    rig.stop().await;
}
