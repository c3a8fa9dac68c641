//! Where the broker may not choose job ids: the key alone tells one job from another.

use slurm_wire::{Answer, Call, JobSpec, JobState, OurJob, RefusalCode, Submitted, TaskArray};

use crate::rig::{EASY_PACE, Rig, now_s};

async fn submitted(rig: &mut Rig, spec: &JobSpec) -> Submitted {
    match rig.ask(Call::Submit(Box::new(spec.clone()))).await {
        Answer::Submitted(submitted) => submitted,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_key_is_one_job_under_the_id_that_slurm_chose() {
    let lines = format!("{EASY_PACE}explicit_ids = false\n");
    let mut rig = Rig::start_with(1, &lines).await;
    assert!(!rig.welcome.explicit_ids);
    let from = now_s();
    let spec = rig.spec();
    let first = submitted(&mut rig, &spec).await;
    assert!(!first.adopted && first.job_id >= 10_000_000, "{first:?}");
    let again = submitted(&mut rig, &spec).await;
    assert_eq!(again, Submitted { adopted: true, ..first.clone() });
    let job = OurJob { job_id: first.job_id, key: spec.key.clone() };
    let row = rig.row(first.job_id).await;
    assert_eq!((row.held, row.state_reason.as_deref()), (true, Some("JobHeldAdmin")));

    let array = Some(TaskArray { task_count: 3, at_once: None });
    let array = JobSpec { array, ..rig.spec() };
    let tasks = submitted(&mut rig, &array).await;
    assert_eq!(submitted(&mut rig, &array).await, Submitted { adopted: true, ..tasks.clone() });

    // No id says whose a job is; the key and the account do.
    let research = rig.researches(&[]);
    for job_id in [first.job_id, research] {
        let wrong = OurJob { job_id, key: "mimer:test:1".to_owned() };
        assert_eq!(rig.refused(Call::Cancel(wrong)).await.0, RefusalCode::NotOurJob);
    }
    assert!(rig.rows(research).await.is_empty(), "others' jobs are not shown");
    let changes = rig.changes(None).await;
    let told: Vec<u32> = changes.jobs.iter().map(|row| row.job_id).collect();
    assert_eq!(told, [first.job_id, tasks.job_id]);

    rig.does(Call::Release(job.clone())).await;
    rig.until(first.job_id, JobState::Running).await;
    rig.does(Call::Cancel(job)).await;
    let faults = match rig.ask(Call::CheckSettings).await {
        Answer::Settings(faults) => faults,
        other => panic!("{other:?}"),
    };
    assert!(faults.iter().any(|it| it.sentence.contains("second job for the same attempt")));
    testbed::poll::until("slurmdbd to have the end", crate::rig::BOUND, async || {
        Ok(rig.ended(from).await.iter().any(|it| it.job_id == first.job_id))
    })
    .await
    .unwrap();
    rig.stop().await;
}
