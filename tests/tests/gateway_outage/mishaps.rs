//! An unknown key in slurm.conf, slurmdbd dropped in the middle of a call, munged gone: the gateway
//! says what happened, comes back by itself when it is mended, and the job's story ends right.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use broker::gateway::{Gateway, GatewayError};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;
use slurm_wire::{Answer, Call, Refusal, RefusalCode};
use testbed::poll;
use testbed::site::Site;
use testbed::story::{Outcome, Plan, Story, TERMS};

use super::locked::lock_jobs;

/// Coming back, on a busy machine.
const BOUND: Duration = Duration::from_secs(90);

/// An answer comes within the gateway's longest deadline.
const DEADLINE: Duration = Duration::from_secs(70);

/// So long without an answer, and a call is under way for certain.
const UNDER_WAY: Duration = Duration::from_millis(700);

/// A word that no release of Slurm knows.
const UNKNOWN_KEY: &str = "NoSuchKey=1\n";

#[tokio::test]
async fn what_the_gateway_stands_on_may_break_and_be_mended() -> Result<()> {
    let mut site = Site::real(1).await?;
    let story = Story::begin(&site, &TERMS).await?;

    let plan = an_unknown_key_is_named_until_it_is_gone(&site, &story).await?;
    plan.until(&site, &story.people.anna, &["settled"]).await?;
    an_unknown_key_does_not_matter_to_a_worker_that_runs(&site).await?;

    let plan = short_plan(&site, &story);
    slurmdbd_is_dropped_in_the_middle_of_a_call(&mut site, &story, &plan).await?;
    slurmdbd_is_dropped_before_a_word_is_said(&mut site).await?;
    plan.until(&site, &story.people.anna, &["settled"]).await?;

    let plan = story.plan(&site);
    munged_is_gone_for_a_while(&mut site, &story, &plan).await?;
    let outcome = Outcome::of(&site, &story, &plan).await?;

    let rows = site.cluster()?.sacct_rows(outcome.slurm_job_id).await?;
    ensure!(rows.len() == 1 && rows[0].state == "COMPLETED", "{rows:?}");
    ensure!(rows[0].gpu_seconds() == outcome.gpu_seconds_charged, "{rows:?} {outcome:?}");
    ensure!(outcome.ledger_verified, "{outcome:?}");
    let all = site.cluster()?.sacct_rows_of_account(testbed::site::ACCOUNT).await?;
    ensure!(all.len() == 3, "three plans, three jobs in Slurm: {all:?}");
    ensure!(
        site.mimerd_runs(0)?,
        "mimerd, which nobody starts again, ended:\n{}",
        site.mimerd_log()
    );
    let log = gateway_log(&site)?;
    ensure!(!log.contains("symbol lookup error"), "a plugin ended a worker:\n{log}");
    site.stop().await
}

fn short_plan(site: &Site, story: &Story) -> Plan {
    let script = "#!/bin/sh\nsleep 1\n";
    story.plan(site).with("script", json!(script)).with("gpu_count", json!(1))
}

/// A caller of the gateway that knows nothing of earlier calls.
fn caller(site: &Site) -> Gateway {
    Gateway::new(site.gateway_socket(), DEADLINE)
}

async fn refusal(site: &Site, call: &Call) -> Result<Refusal> {
    match caller(site).call(call).await {
        Err(GatewayError::Refused(refusal)) => Ok(refusal),
        other => bail!("{call:?} was answered {other:?}"),
    }
}

async fn until_it_answers(site: &Site, call: Call) -> Result<()> {
    poll::until("the gateway to carry calls out again", BOUND, async || {
        Ok(caller(site).call(&call).await.is_ok())
    })
    .await
    .with_context(|| gateway_log(site).unwrap_or_default())
}

fn gateway_log(site: &Site) -> Result<String> {
    Ok(std::fs::read_to_string(site.dir().join("gateway.log"))?)
}

/// libslurm ends every process that reads such a file, and says why on standard error only.
async fn an_unknown_key_is_named_until_it_is_gone(site: &Site, story: &Story) -> Result<Plan> {
    let conf = site.cluster()?.gateway_slurm_conf();
    let good = std::fs::read_to_string(&conf)?;
    std::fs::write(&conf, format!("{good}{UNKNOWN_KEY}"))?;
    site.crash_gateway().await?;

    let plan = short_plan(site, story);
    plan.submit(story, &story.people.anna).await?;
    for call in [Call::Ping, Call::ReadJobs { job_ids: vec![] }, Call::ReadAccounts] {
        let begun = Instant::now();
        let refusal = poll::until_some("the key to be named", BOUND, async || {
            match caller(site).call(&call).await {
                Err(GatewayError::Refused(refusal)) => Ok(Some(refusal)),
                // The gateway itself is being started again.
                Err(GatewayError::Unreachable(_)) => Ok(None),
                other => bail!("{call:?} was answered {other:?}"),
            }
        })
        .await?;
        ensure!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
        let says = &refusal.sentence;
        let names = says.contains("NoSuchKey") && says.contains(&conf.display().to_string());
        ensure!(refusal.code == RefusalCode::WorkerReplaced && names, "{call:?}: {refusal:?}");
    }
    let path = "/v1/cluster/settings";
    let shown = story.people.operator.send(Method::GET, path, None).await?;
    ensure!(shown.status == 503, "{shown:?}");
    let log = gateway_log(site)?;
    let told = log.lines().any(|it| it.contains("ERROR") && it.contains("NoSuchKey"));
    ensure!(told, "the log does not name the key:\n{log}");

    std::fs::write(&conf, good)?;
    until_it_answers(site, Call::Ping).await?;
    until_it_answers(site, Call::ReadAccounts).await?;
    Ok(plan)
}

/// The file was read at the worker's start; the next start is what fails.
async fn an_unknown_key_does_not_matter_to_a_worker_that_runs(site: &Site) -> Result<()> {
    let conf = site.cluster()?.gateway_slurm_conf();
    let good = std::fs::read_to_string(&conf)?;
    std::fs::write(&conf, format!("{good}{UNKNOWN_KEY}"))?;
    caller(site).call(&Call::Ping).await?;
    ensure!(site.crash_gateway_worker("ctl")?, "there is a worker to kill");
    let named = async || Ok(refusal(site, &Call::Ping).await?.sentence.contains("NoSuchKey"));
    poll::until("the key to be named", BOUND, named).await?;
    // The other worker has not been started since, and goes on.
    caller(site).call(&records()).await?;
    std::fs::write(&conf, good)?;
    until_it_answers(site, Call::Ping).await
}

/// With plain libslurm this ends the process: on a connection that breaks, a plugin misses a name
/// (exit 127).
async fn slurmdbd_is_dropped_in_the_middle_of_a_call(
    site: &mut Site,
    story: &Story,
    plan: &Plan,
) -> Result<()> {
    let locking = lock_jobs(site.cluster()?).await?;
    let asking = ask_and_wait_in_vain(site).await?;
    site.cluster_mut()?.daemon("slurmdbd")?.crash();
    drop(locking);
    let no = dropped(asking).await?;
    println!("slurmdbd dropped in the middle of a call: {no}");
    let refusal = refusal(site, &records()).await?;
    ensure!(refusal.code == RefusalCode::AccountingUnavailable, "{refusal:?}");

    // slurmctld goes on without slurmdbd, and so does everything that needs no more than it.
    plan.submit(story, &story.people.anna).await?;
    ensure!(matches!(caller(site).call(&Call::Ping).await, Ok(Answer::Pong)), "slurmctld is there");
    site.cluster_mut()?.start_slurmdbd().await?;
    until_it_answers(site, records()).await
}

/// A slurmdbd that is stopped takes the connection and says nothing.
async fn slurmdbd_is_dropped_before_a_word_is_said(site: &mut Site) -> Result<()> {
    site.cluster_mut()?.daemon("slurmdbd")?.signal(Signal::STOP);
    let asking = ask_and_wait_in_vain(site).await?;
    site.cluster_mut()?.daemon("slurmdbd")?.crash();
    println!("slurmdbd dropped before a word: {}", dropped(asking).await?);
    site.cluster_mut()?.start_slurmdbd().await?;
    until_it_answers(site, records()).await
}

fn records() -> Call {
    Call::ReadRecords { job_ids: vec![100_000] }
}

type Asking = tokio::task::JoinHandle<Result<Answer, GatewayError>>;

/// A call to slurmdbd that is under way.
async fn ask_and_wait_in_vain(site: &Site) -> Result<Asking> {
    let asked = caller(site);
    let mut asking = tokio::spawn(async move { asked.call(&records()).await });
    let early = tokio::time::timeout(UNDER_WAY, &mut asking).await;
    ensure!(early.is_err(), "slurmdbd answered although it cannot: {early:?}");
    Ok(asking)
}

/// What a caller is told whose slurmdbd has gone.
async fn dropped(asking: Asking) -> Result<Refusal> {
    match tokio::time::timeout(DEADLINE, asking).await.context("no answer in time")?? {
        Err(GatewayError::Refused(no)) if no.code.retry_helps() => Ok(no),
        other => bail!("a dropped slurmdbd was answered {other:?}"),
    }
}

async fn munged_is_gone_for_a_while(site: &mut Site, story: &Story, plan: &Plan) -> Result<()> {
    site.cluster_mut()?.daemon("munged")?.crash();
    plan.submit(story, &story.people.anna).await?;
    let begun = Instant::now();
    let refusal = refusal(site, &Call::ReadStrangers).await?;
    ensure!(refusal.code.retry_helps(), "{refusal:?}");
    ensure!(begun.elapsed() < DEADLINE, "{:?}", begun.elapsed());
    println!("munged gone: {refusal}");
    site.cluster_mut()?.start_munged().await?;
    until_it_answers(site, Call::ReadStrangers).await
}
