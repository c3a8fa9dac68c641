//! What the gateway writes into a real Slurm: looked at with Slurm's own programs.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use slurm_wire::{
    AccountLimits, Answer, Call, JobSpec, JobState, Limits, NewAccount, OurJob, QosRow,
    RefusalCode, UserAssociation,
};
use testbed::accounts::PosixUser;
use testbed::slurm::Sbatch;
use testbed::{Cluster, ClusterPlan, poll};

mod gateway;

use gateway::Gateway;

const BOUND: Duration = Duration::from_secs(60);

const FUND: &str = "pub_fund_1a2b";
const PROJECT: &str = "pub_register";
const QOS: &str = "mimer_pub_register";
const JOB_ID: u32 = 100_001;

fn ours() -> OurJob {
    OurJob { job_id: JOB_ID, key: "mimer:test:policy".to_owned() }
}

fn account(name: &str, parent: &str) -> Call {
    let [name, parent] = [name, parent].map(ToOwned::to_owned);
    Call::PutAccount(NewAccount { name, parent, description: "Policy test".to_owned() })
}

fn tres(amounts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    amounts.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect()
}

fn limits_of(account: &str, limits: Limits) -> Call {
    Call::PutAccountLimits(AccountLimits { account: account.to_owned(), limits })
}

fn qos() -> QosRow {
    QosRow {
        name: QOS.to_owned(),
        description: "Register study".to_owned(),
        priority: 10,
        preempts: ["normal".to_owned()].into(),
        no_decay: true,
        deny_on_limit: false,
        limits: Limits {
            minutes: tres(&[("gres/gpu", 120), ("gres/gpu:h200", 90)]),
            submitted_jobs: Some(20),
            ..Limits::default()
        },
    }
}

fn user(user: &PosixUser) -> Call {
    let [account, user] = [PROJECT, &user.name].map(ToOwned::to_owned);
    Call::PutUser(UserAssociation { account, user, qos: vec![QOS.to_owned()] })
}

fn removal(user: &PosixUser) -> Call {
    Call::RemoveUser { account: PROJECT.to_owned(), user: user.name.clone() }
}

/// Every change that slurmdbd ever made: one line each.
async fn change_count(cluster: &Cluster) -> Result<usize> {
    Ok(cluster.output("sacctmgr", &["-nP", "list", "transactions"]).await?.lines().count())
}

#[tokio::test]
async fn policy_through_the_gateway_is_what_a_real_slurm_has() -> Result<()> {
    let cluster = Cluster::start(&ClusterPlan::default()).await?;
    let mut gateway = Gateway::start(&cluster).await?;
    let person = PosixUser::project(3)?;
    accounts_lie_where_they_were_put(&cluster, &mut gateway).await?;
    limits_are_set_and_lifted(&cluster, &mut gateway).await?;
    a_qos_is_as_it_was_put_and_mended_after_a_hand(&cluster, &mut gateway).await?;
    a_user_is_let_in_and_out(&cluster, &mut gateway, &person).await?;
    a_repeat_writes_nothing(&cluster, &mut gateway, &person).await?;
    what_made_way_is_read(&cluster, &mut gateway, &person).await?;
    a_user_with_jobs_is_not_shut_out(&cluster, &mut gateway, &person).await?;
    drop(gateway);
    cluster.stop().await
}

async fn accounts_lie_where_they_were_put(cluster: &Cluster, gateway: &mut Gateway) -> Result<()> {
    gateway.done(&account(FUND, "public"))?;
    // Its parent was made this second: the remembered account tree must not hide it.
    gateway.done(&account(PROJECT, "public"))?;
    gateway.done(&account(PROJECT, FUND))?;
    let format = ["-nP", "show", "assoc", "format=account,parentname", "account=pub_register"];
    let parents = cluster.output("sacctmgr", &format).await?;
    ensure!(parents.trim() == "pub_register|pub_fund_1a2b", "{parents:?}");

    ensure!(gateway.refused(&account("research", "public"))? == RefusalCode::ForeignAccount);
    ensure!(gateway.refused(&account("stolen", "research"))? == RefusalCode::ForeignAccount);
    ensure!(gateway.refused(&account(FUND, PROJECT))? == RefusalCode::BadPolicy);
    let own = gateway.policy(&Call::ReadPolicy)?;
    ensure!(own.accounts.iter().all(|row| row.name != "research"), "{own:?}");
    let all = gateway.policy(&Call::ReadWholeCluster)?;
    ensure!(all.accounts.iter().any(|row| row.name == "research"), "{all:?}");
    ensure!(all.qos.iter().any(|row| row.name == "normal"), "{all:?}");
    Ok(())
}

async fn limits_are_set_and_lifted(cluster: &Cluster, gateway: &mut Gateway) -> Result<()> {
    let four = Limits {
        at_once: tres(&[("gres/gpu", 4), ("gres/gpu:h200", 4)]),
        minutes: tres(&[("cpu", 600)]),
        running_jobs: Some(3),
        submitted_jobs: None,
    };
    let five = Limits { at_once: tres(&[("gres/gpu", 5)]), ..Limits::default() };
    for limits in [four, five, Limits::default()] {
        gateway.done(&limits_of(FUND, limits.clone()))?;
        let facts = cluster.account_facts(FUND).await?.context("slurmctld has the account")?;
        let set = |it: &BTreeMap<String, testbed::slurm::Bound>| -> BTreeMap<String, u64> {
            it.iter().filter_map(|(name, it)| Some((name.clone(), it.limit?))).collect()
        };
        ensure!(set(&facts.at_once) == limits.at_once, "{facts:?}");
        ensure!(set(&facts.minutes) == limits.minutes, "{facts:?}");
        ensure!(facts.running_jobs.limit == limits.running_jobs.map(u64::from), "{facts:?}");
        let read = gateway.policy(&Call::ReadPolicy)?.accounts;
        ensure!(read.iter().any(|row| row.name == FUND && row.limits == limits), "{read:?}");
    }
    let b300 = Limits { at_once: tres(&[("gres/gpu:b300", 1)]), ..Limits::default() };
    ensure!(gateway.refused(&limits_of(FUND, b300))? == RefusalCode::BadPolicy);
    let one = Limits { running_jobs: Some(1), ..Limits::default() };
    ensure!(gateway.refused(&limits_of("public", one))? == RefusalCode::ForeignAccount);
    Ok(())
}

async fn a_qos_is_as_it_was_put_and_mended_after_a_hand(
    cluster: &Cluster,
    gateway: &mut Gateway,
) -> Result<()> {
    let bare = QosRow {
        description: "Bare".to_owned(),
        priority: 0,
        preempts: Default::default(),
        no_decay: false,
        deny_on_limit: true,
        limits: Limits::default(),
        ..qos()
    };
    for row in [qos(), bare, qos()] {
        gateway.done(&Call::PutQos(row.clone()))?;
        let read = gateway.policy(&Call::ReadPolicy)?.qos;
        ensure!(read == [row], "{read:?}");
    }
    let facts = cluster.qos_facts(QOS).await?.context("slurmctld has the QOS")?;
    ensure!(facts.minutes["gres/gpu:h200"].limit == Some(90), "{facts:?}");

    let by_hand = ["-i", "modify", "qos", QOS, "set", "GrpTRESMins=gres/gpu=1", "Priority=7"];
    cluster.output("sacctmgr", &by_hand).await?;
    let drifted = gateway.policy(&Call::ReadPolicy)?.qos;
    ensure!(drifted[0].limits.minutes["gres/gpu"] == 1 && drifted[0].priority == 7);
    gateway.done(&Call::PutQos(qos()))?;
    ensure!(gateway.policy(&Call::ReadPolicy)?.qos == [qos()]);

    // Two that give way to each other: slurmdbd sees the loop, and nothing of it is kept.
    let other = QosRow { name: "mimer_other".to_owned(), preempts: [QOS.into()].into(), ..qos() };
    gateway.done(&Call::PutQos(other))?;
    let looped = QosRow { preempts: ["mimer_other".into()].into(), priority: 1, ..qos() };
    ensure!(gateway.refused(&Call::PutQos(looped))? == RefusalCode::SlurmRefused);
    ensure!(gateway.policy(&Call::ReadPolicy)?.qos.contains(&qos()));
    let unknown = QosRow { preempts: ["mimer_nowhere".into()].into(), ..qos() };
    ensure!(gateway.refused(&Call::PutQos(unknown))? == RefusalCode::NotKnownToSlurmYet);
    Ok(())
}

async fn a_user_is_let_in_and_out(
    cluster: &Cluster,
    gateway: &mut Gateway,
    person: &PosixUser,
) -> Result<()> {
    gateway.done(&user(person))?;
    let name = format!("user={}", person.name);
    let format = ["-nP", "show", "assoc", "format=account,qos,defaultqos", &name];
    let expected = format!("{PROJECT}|{QOS}|{QOS}");
    ensure!(cluster.output("sacctmgr", &format).await?.trim() == expected);
    // Out, also when it is the user's default account beside another; and back in.
    cluster.add_user("research", person).await?;
    gateway.done(&removal(person))?;
    let rest = cluster.output("sacctmgr", &format).await?;
    ensure!(rest.trim().starts_with("research|") && rest.lines().count() == 1, "{rest}");
    gateway.done(&user(person))?;
    let rows = gateway.policy(&Call::ReadPolicy)?.associations;
    let row = rows.iter().find(|row| row.user.as_ref() == Some(&person.name));
    let row = row.context("the user is back")?;
    ensure!(row.account == PROJECT && row.default_qos.as_deref() == Some(QOS), "{row:?}");

    let foreign = |user: &str| {
        let [account, user] = [PROJECT, user].map(ToOwned::to_owned);
        Call::PutUser(UserAssociation { account, user, qos: vec![QOS.to_owned()] })
    };
    for user in ["root", "mimer-nobody-has-this-name"] {
        ensure!(gateway.refused(&foreign(user))? == RefusalCode::ForeignUser, "{user}");
    }
    Ok(())
}

async fn a_repeat_writes_nothing(
    cluster: &Cluster,
    gateway: &mut Gateway,
    person: &PosixUser,
) -> Result<()> {
    let before = change_count(cluster).await?;
    let nothing = limits_of(FUND, Limits::default());
    for call in [
        account(FUND, "public"),
        account(PROJECT, FUND),
        nothing,
        Call::PutQos(qos()),
        user(person),
    ] {
        gateway.done(&call)?;
    }
    ensure!(change_count(cluster).await? == before, "a repeat wrote something");
    Ok(())
}

async fn what_made_way_is_read(
    cluster: &Cluster,
    gateway: &mut Gateway,
    person: &PosixUser,
) -> Result<()> {
    let victim = cluster.sbatch_as(person, &Sbatch::default()).await?;
    until_running(cluster, victim).await?;
    submit_and_release(cluster, gateway, person)?;
    until_running(cluster, JOB_ID).await?;
    let hour_ago = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())? - 3600;
    let run = poll::until_some("the preempted run in slurmdbd", BOUND, async || {
        let runs = gateway.preempted(hour_ago, hour_ago + 7200)?;
        Ok(runs.into_iter().find(|run| run.job_id == victim))
    })
    .await?;
    ensure!(run.state == JobState::Preempted && run.tres["gres/gpu"] == 8, "{run:?}");
    ensure!(run.account.as_deref() == Some("research"), "{run:?}");
    let ended_at = run.ended_at.context("it is over")?;
    ensure!(gateway.preempted(ended_at, ended_at + 1)? == [run], "the end counts");
    ensure!(gateway.preempted(ended_at + 1, ended_at + 2)?.is_empty(), "and nothing else");
    ensure!(gateway.preempted(hour_ago, ended_at)?.is_empty(), "up to, not including");
    let forever = Call::ReadPreempted { from: 0, until: i64::MAX };
    ensure!(gateway.refused(&forever)? == RefusalCode::MalformedCall);
    Ok(())
}

/// A whole node's GPUs for the project: research has to make way.
fn submit_and_release(cluster: &Cluster, gateway: &mut Gateway, person: &PosixUser) -> Result<()> {
    let spec = JobSpec {
        job_id: JOB_ID,
        key: ours().key,
        uid: person.uid,
        gid: person.gid,
        account: PROJECT.to_owned(),
        partition: "gpu".to_owned(),
        qos: Some(QOS.to_owned()),
        name: "policy".to_owned(),
        time_limit_min: 5,
        gpu_count: 8,
        gpu_type: "h200".to_owned(),
        cpu_count: 1,
        memory_mib: Some(512),
        work_dir: cluster.make_area("policy", person)?.display().to_string(),
        script: "#!/bin/sh\nsleep 240\n".to_owned(),
        environment: [("LANG".to_owned(), "C".to_owned())].into(),
        deadline: None,
        reservation: None,
        whole_node: false,
        begin_at: None,
        array: None,
    };
    let submitted = gateway.call(&Call::Submit(Box::new(spec)))?;
    ensure!(matches!(submitted, Answer::Submitted(_)), "{submitted:?}");
    gateway.done(&Call::Release(ours()))
}

/// With the job of the step before still running.
async fn a_user_with_jobs_is_not_shut_out(
    cluster: &Cluster,
    gateway: &mut Gateway,
    person: &PosixUser,
) -> Result<()> {
    ensure!(gateway.refused(&removal(person))? == RefusalCode::JobsStillThere);
    gateway.done(&Call::Cancel(ours()))?;
    poll::until("the user to be shut out", BOUND, async || {
        Ok(matches!(gateway.call(&removal(person))?, Answer::Done))
    })
    .await?;
    gateway.done(&removal(person))?;
    let policy = gateway.policy(&Call::ReadPolicy)?;
    ensure!(policy.associations.iter().all(|row| row.user.is_none()), "{policy:?}");
    let name = format!("user={}", person.name);
    let rest =
        cluster.output("sacctmgr", &["-nP", "show", "assoc", "format=account", &name]).await?;
    ensure!(rest.trim() == "research", "{rest}");
    Ok(())
}

async fn until_running(cluster: &Cluster, job_id: u32) -> Result<()> {
    poll::until("the job to run", BOUND, async || {
        let rows = cluster.squeue().await?;
        Ok(rows.iter().any(|row| row.job_id == job_id && row.state == "RUNNING"))
    })
    .await
}
