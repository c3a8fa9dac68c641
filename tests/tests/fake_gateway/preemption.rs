//! Jobs past the broker: strangers on its ground, and research that makes way.

use std::collections::BTreeSet;

use slurm_wire::{Answer, Call, JobSpec, JobState, QosRow, RefusalCode, UserAssociation};
use testbed::fake_gateway::{FakePlan, Stranger};

use crate::Stage;
use crate::caller::{Caller, job, ours};
use crate::policy::qos;

/// A cluster full of research, and a QOS of the demo's that it makes way for.
async fn full() -> (Stage, Caller, Vec<u32>) {
    let stage = Stage::with(FakePlan { nodes: 2, ..FakePlan::default() });
    let research = stage.gateway.fill_with_research();
    let mut caller = Caller::greet(&stage.gateway).await;
    let preempts = BTreeSet::from(["normal".to_owned()]);
    caller.does(Call::PutQos(QosRow { preempts, ..qos("mimer_demo") })).await;
    let (account, user) = ("pub_demo".to_owned(), "mimer-p1".to_owned());
    let qos = vec!["mimer_demo".to_owned(), "normal".to_owned()];
    caller.does(Call::PutUser(UserAssociation { account, user, qos })).await;
    (stage, caller, research)
}

fn states(stage: &Stage) -> Vec<(u32, JobState)> {
    stage.gateway.jobs().iter().map(|row| (row.job_id, row.state)).collect()
}

#[tokio::test]
async fn research_makes_way_once_for_a_qos_that_names_its_own() {
    let (stage, mut caller, research) = full().await;
    let [first, second] = research[..] else { panic!("{research:?}") };
    let from = stage.clock.now().timestamp();
    caller.runs(JobSpec { qos: Some("normal".into()), ..job(1) }).await;
    assert_eq!(caller.row(1).await.state, JobState::Pending, "normal takes nobody's place");
    caller.runs(JobSpec { qos: Some("mimer_demo".into()), gpu_count: 2, ..job(2) }).await;
    let now = states(&stage);
    assert!(now.contains(&(2, JobState::Running)), "{now:?}");
    let running = now.iter().filter(|(_, state)| *state == JobState::Running).count();
    assert_eq!(running, 2, "one research job made way, not both: {now:?}");
    assert!(
        now.contains(&(first, JobState::Pending)) || now.contains(&(second, JobState::Pending))
    );

    let asked = Call::ReadPreempted { from, until: from + 1 };
    let Some(Answer::Records(made_way)) = caller.ask(asked).await else { panic!("no records") };
    assert_eq!(made_way.len(), 1);
    assert!(research.contains(&made_way[0].job_id) && made_way[0].admin_comment.is_none());
    let asked = Call::ReadPreempted { from: from + 1, until: from + 100 };
    assert_eq!(caller.ask(asked).await, Some(Answer::Records(Vec::new())));
}

#[tokio::test]
async fn a_job_of_the_brokers_own_that_makes_way_is_over() {
    let stage = Stage::set();
    let mut caller = Caller::greet(&stage.gateway).await;
    caller.does(Call::PutQos(qos("mimer_demo"))).await;
    let preempts = BTreeSet::from(["mimer_demo".to_owned()]);
    caller.does(Call::PutQos(QosRow { preempts, priority: 1_000, ..qos("mimer_crisis") })).await;
    let (account, user) = ("pub_demo".to_owned(), "mimer-p1".to_owned());
    let both = vec!["mimer_demo".to_owned(), "mimer_crisis".to_owned()];
    caller.does(Call::PutUser(UserAssociation { account, user, qos: both })).await;
    caller.runs(job(1)).await;
    stage.pass(10);
    caller.runs(JobSpec { qos: Some("mimer_demo".into()), ..job(2) }).await;
    caller.does(Call::ChangeQos { job: ours(2), qos: "mimer_crisis".into() }).await;
    assert_eq!(states(&stage), [(1, JobState::Preempted), (2, JobState::Running)]);
    let foreign = Call::ChangeQos { job: ours(2), qos: "normal".into() };
    assert_eq!(caller.refused(foreign).await, RefusalCode::ForeignQos);
}

#[tokio::test]
async fn strangers_are_found_where_the_broker_has_a_say_and_nowhere_else() {
    let stage = Stage::with(FakePlan { nodes: 3, ..FakePlan::default() });
    let mut caller = Caller::greet(&stage.gateway).await;
    let at = |account: &str, partition: &str| {
        let (account, partition) = (account.to_owned(), partition.to_owned());
        stage.gateway.submit_past_the_broker(&Stranger {
            account,
            partition,
            ..Stranger::default()
        })
    };
    let research = at("research", "research");
    let on_partition = at("research", "confidential");
    let under_account = at("pub_demo", "research");
    caller.runs(job(1)).await;
    let Some(Answer::Jobs(found)) = caller.ask(Call::ReadStrangers).await else { panic!("none") };
    let ids: Vec<u32> = found.iter().map(|row| row.job_id).collect();
    assert_eq!(ids, [on_partition, under_account]);
    for job_id in [research, 1] {
        let code = caller.refused(Call::CancelStranger { job_id }).await;
        assert_eq!(code, RefusalCode::NotAStranger);
    }
    caller.does(Call::CancelStranger { job_id: on_partition }).await;
    assert!(states(&stage).contains(&(on_partition, JobState::Cancelled)));
    assert_eq!(caller.row(1).await.state, JobState::Running, "there is room again");
    let release = Call::Release(ours(research));
    assert_eq!(caller.refused(release).await, RefusalCode::JobIdOutOfRange);
}
