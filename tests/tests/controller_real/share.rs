//! The share: a QOS that others make way for starts its job within one scheduling cycle.

use std::time::Duration;

use slurm_wire::{Answer, Call, JobSpec, JobState, Limits, QosRow, UserAssociation};
use testbed::poll;

use crate::rig::{ACCOUNT, BOUND, Rig, now_s};

/// Two cycles of the testbed, and the time that the victims take to end (KillWait=2).
const ONE_CYCLE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_guaranteed_share_starts_on_a_cluster_that_research_has_filled() {
    let mut rig = Rig::start(2).await;
    let qos = QosRow {
        name: "mimer_pub_demo".to_owned(),
        description: "fence of the project".to_owned(),
        priority: 1_000,
        preempts: ["normal".to_owned()].into(),
        no_decay: true,
        deny_on_limit: false,
        limits: Limits::default(),
    };
    rig.does(Call::PutQos(qos.clone())).await;
    rig.does(Call::PutUser(UserAssociation {
        account: ACCOUNT.to_owned(),
        user: rig.project.name.clone(),
        qos: vec![qos.name.clone()],
    }))
    .await;
    let from = now_s();
    let research: Vec<u32> =
        (0..3).map(|_| rig.researches(&["--gres=gpu:h200:8", "--requeue"])).collect();
    rig.until_squeue(research[0], "RUNNING").await;
    rig.until_squeue(research[1], "RUNNING").await;
    assert_eq!(rig.cluster.squeue_row(research[2]).await.unwrap().unwrap().state, "PENDING");

    let ours = JobSpec { qos: Some(qos.name.clone()), gpu_count: 4, ..rig.spec() };
    let ours = rig.runs(ours).await;
    let took = rig.until(ours, JobState::Running).await;
    println!("started {} ms after its release, on a full cluster", took.as_millis());
    assert!(took < ONE_CYCLE, "{took:?}");
    let rows = rig.cluster.squeue().await.unwrap();
    let running = rows.iter().filter(|row| row.state == "RUNNING" && row.account == "research");
    assert_eq!(running.count(), 1, "one research job made way, and only one: {rows:?}");

    // slurmdbd lags slurmctld by some seconds.
    let record = poll::until_some("slurmdbd to tell who made way", BOUND, async || {
        let until = now_s() + 1;
        match rig.ask(Call::ReadPreempted { from, until }).await {
            Answer::Records(records) if records.len() == 1 => Ok(Some(records[0].clone())),
            Answer::Records(records) => {
                assert!(records.is_empty(), "{records:?}");
                Ok(None)
            }
            other => panic!("{other:?}"),
        }
    })
    .await
    .unwrap();
    assert_eq!(record.state, JobState::Preempted);
    assert!(research[..2].contains(&record.job_id), "{record:?}");
    rig.stop().await;
}
