//! Slurm does not answer: what can wait waits, and is done once when it is back.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::json;
use testbed::fake_gateway::{FakeFault, FakeGateway};
use testbed::site::{Site, Slurm, number, text};
use testbed::story::{TERMS, Terms};

use crate::stage::{Stage, get, job_plans, post};

#[tokio::test]
async fn a_plan_sent_while_slurm_is_away_waits_and_is_submitted_once() -> Result<()> {
    // Room for one plan of two GPUs for two minutes and the minute of grace, not for two.
    let mut stage = Stage::set(&Terms { gpu_seconds: 500, ..TERMS }).await?;
    let people = stage.story.people.clone();
    let granted = stage.story.granted.clone();
    let plan = stage.plan_with_data();
    slurm(&stage.site)?.inject(FakeFault::ControllerDown);

    let sent = get(&people.operator, "/v1/cluster/settings");
    stage.refuses(sent, 503, "slurm_unavailable", &["does not answer", "try again"]).await?;

    let admitted = plan.submit(&stage.story, &people.anna).await?;
    let shown = plan.show(&people.anna).await?;
    ensure!(shown["attempts"][0]["state"] == "admitted", "{shown}");
    ensure!(number(&admitted, "held_gpu_seconds")? == 360, "{admitted}");

    // Sent again it is the same plan; another plan may not use its id, nor what it holds.
    let again = people.anna.send(Method::POST, &job_plans(&granted), Some(&plan.body)).await?;
    ensure!(again.status == 200 && again.body == admitted, "{again:?} is not {admitted}");
    let other = plan.clone().with("wall_time_s", json!(60)).body;
    let id = plan.job_plan_id.to_string();
    let sent = post(&people.anna, job_plans(&granted), other);
    stage.refuses(sent, 409, "job_plan_id_reused", &[&id, "choose a new id"]).await?;
    let second = stage.plan_with_data().body;
    let sent = post(&people.anna, job_plans(&granted), second);
    let words = ["up to 6 min", "2 min 20 s left", "wait for running jobs"];
    stage.refuses(sent, 409, "not_enough_gpu_seconds", &words).await?;

    ensure!(slurm(&stage.site)?.jobs().is_empty(), "Slurm was away and has jobs");
    slurm(&stage.site)?.heal();
    let attempt = plan.until(&stage.site, &people.anna, &["settled"]).await?;
    ensure!(text(&attempt, "slurm_state")? == "COMPLETED", "{attempt}");
    let jobs = slurm(&stage.site)?.jobs();
    ensure!(jobs.len() == 1, "one plan became {} jobs", jobs.len());
    ensure!(i64::from(jobs[0].job_id) == number(&admitted, "slurm_job_id")?, "{jobs:?}");

    // Too late to cancel: what is over stays as it ended.
    let before = stage.tables().await?;
    let cancellation = format!("/v1/job-plans/{id}/cancellation");
    people.anna.send(Method::POST, &cancellation, None).await?;
    stage.nothing_changed_since(&before, "a cancellation after the end").await?;
    stage.end().await
}

fn slurm(site: &Site) -> Result<&FakeGateway> {
    match site.slurm() {
        Slurm::Fake(gateway) => Some(gateway),
        Slurm::Real(_) => None,
    }
    .context("this is told on the simulated Slurm")
}
