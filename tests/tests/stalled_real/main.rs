//! slurmctld stops in its tracks (SIGSTOP) and goes on: the broker goes on meanwhile, says clearly
//! what does not answer, and nothing is there twice afterwards.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;
use testbed::poll;
use testbed::site::{Site, number};
use testbed::story::{Plan, Story, TERMS, sealed_verdict};

mod latency;

use latency::Latencies;

/// Plans submitted while slurmctld is silent.
const PLANS: usize = 6;

/// Longest that any call may take that does not need Slurm: far above what it takes, far below any
/// time-out of Slurm's.
const CALL_BOUND: Duration = Duration::from_secs(2);

/// Longest that a call may take that does need it: the broker's deadline for a call, and a margin.
const SLURM_BOUND: Duration = Duration::from_secs(17);

/// How long slurmctld is silent at least: longer than any single time-out.
const SILENCE: Duration = Duration::from_secs(25);

/// Settling of every plan on a busy machine.
const BOUND: Duration = Duration::from_secs(180);

#[tokio::test]
async fn a_stalled_slurmctld_stalls_nobody_else_and_doubles_nothing() -> Result<()> {
    let mut site = Site::real(1).await?;
    let story = Story::begin(&site, &TERMS).await?;
    // One plan goes all the way first, so that accounts and settings are in place.
    let first = plan(&site, &story);
    first.submit(&story, &story.people.anna).await?;
    first.until(&site, &story.people.anna, &["settled"]).await?;
    let quiet = Latencies::of_rounds(&story, &first, 20).await?;

    site.cluster_mut()?.daemon("slurmctld")?.signal(Signal::STOP);
    let silent_since = Instant::now();
    let plans = submit_all(&site, &story).await?;
    let (first_word, told) = what_needs_slurm_says(&story, &plans[0]).await?;
    let mut stalled = Latencies::default();
    while silent_since.elapsed() < SILENCE {
        stalled.round(&story, &plans[0]).await?;
    }
    let (_, told_again) = what_needs_slurm_says(&story, &plans[0]).await?;
    site.cluster_mut()?.daemon("slurmctld")?.signal(Signal::CONT);

    println!(
        "p99 of {} calls that need no Slurm: {:?} before, {:?} of {} during; slowest {:?} and {:?}; \
         calls that need it: first {first_word:?}, slowest {told:?}, later {told_again:?}",
        quiet.count(),
        quiet.p99(),
        stalled.p99(),
        stalled.count(),
        quiet.slowest(),
        stalled.slowest(),
    );
    ensure!(quiet.slowest() < CALL_BOUND, "before: {:?}", quiet.slowest());
    ensure!(stalled.slowest() < CALL_BOUND, "during: {:?}", stalled.slowest());
    ensure!(told_again < CALL_BOUND, "a silence that is known is told at once: {told_again:?}");

    for plan in &plans {
        plan.until(&site, &story.people.anna, &["settled"]).await?;
    }
    as_many_jobs_as_plans(&site, &story, &plans).await?;
    site.stop().await
}

fn plan(site: &Site, story: &Story) -> Plan {
    let script = "#!/bin/sh\nsleep 1\n";
    story.plan(site).with("script", json!(script)).with("gpu_count", json!(1))
}

/// Every plan is admitted, in its own time and not Slurm's.
async fn submit_all(site: &Site, story: &Story) -> Result<Vec<Plan>> {
    let mut plans = Vec::new();
    for _ in 0..PLANS {
        let plan = plan(site, story);
        let begun = Instant::now();
        plan.submit(story, &story.people.anna).await?;
        ensure!(begun.elapsed() < CALL_BOUND, "admitting took {:?}", begun.elapsed());
        plans.push(plan);
    }
    Ok(plans)
}

/// The calls that need slurmctld, each with a clear answer in time; returns how long the first one
/// and the slowest one took.
async fn what_needs_slurm_says(story: &Story, plan: &Plan) -> Result<(Duration, Duration)> {
    let people = &story.people;
    let mut times = Vec::new();
    for path in ["/v1/cluster/diff", "/v1/cluster/settings"] {
        let begun = Instant::now();
        let answer = people.operator.send(Method::GET, path, None).await?;
        times.push(begun.elapsed());
        let error = &answer.body["error"];
        ensure!(answer.status == 503, "{path} was answered {answer:?}");
        ensure!(error["code"] == "slurm_unavailable", "{path}: {error}");
        let says = error["message"].as_str().unwrap_or_default();
        ensure!(says.starts_with("Slurm does not answer"), "{path}: {says}");
    }
    // These show what they know, and say of the rest that Slurm does not tell.
    let pages = [
        format!("/v1/job-plans/{}/why", plan.job_plan_id),
        format!("/v1/job-plans/{}", plan.job_plan_id),
    ];
    for path in &pages {
        let begun = Instant::now();
        let answer = people.anna.send(Method::GET, path, None).await?;
        times.push(begun.elapsed());
        ensure!(answer.status == 200, "{path} was answered {answer:?}");
    }
    let slowest = times.iter().max().copied().unwrap_or_default();
    ensure!(slowest < SLURM_BOUND, "{times:?}");
    Ok((times[0], slowest))
}

/// One Slurm job per plan, by sacct, and every charge as sacct has it.
async fn as_many_jobs_as_plans(site: &Site, story: &Story, plans: &[Plan]) -> Result<()> {
    let rows = poll::until_some("slurmdbd to have every job", BOUND, async || {
        let rows = site.cluster()?.sacct_rows_of_account(testbed::site::ACCOUNT).await?;
        Ok((rows.len() > plans.len()).then_some(rows))
    })
    .await?;
    // The first plan's job and theirs.
    ensure!(rows.len() == plans.len() + 1, "{} plans and {rows:?}", plans.len() + 1);
    let mut marks: Vec<_> = rows.iter().map(|row| row.admin_comment.clone()).collect();
    marks.sort();
    marks.dedup();
    ensure!(marks.len() == rows.len(), "a mark is there twice: {rows:?}");
    for plan in plans {
        let attempt = plan.until(site, &story.people.anna, &["settled"]).await?;
        let slurm_job_id = number(&attempt, "slurm_job_id")?;
        let own = rows.iter().filter(|row| row.job_id == slurm_job_id.to_string());
        ensure!(own.count() == 1, "job {slurm_job_id} of {attempt}: {rows:?}");
    }
    let gpu_seconds: i64 = rows.iter().map(testbed::slurm::SacctRow::gpu_seconds).sum();
    let charges = story.people.finance.get("/v1/charges").await?;
    let charged: Result<Vec<i64>> =
        charges.as_array().into_iter().flatten().map(|it| number(it, "gpu_seconds")).collect();
    ensure!(charged?.iter().sum::<i64>() == gpu_seconds, "{charges} and {rows:?}");
    let verdict = sealed_verdict(site, &story.people.finance).await?;
    ensure!(verdict["whole"] == true, "{verdict}");
    Ok(())
}
