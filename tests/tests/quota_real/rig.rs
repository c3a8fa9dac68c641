//! An installation with one open project on the partition `gpu`, and what the tests do with it.

use std::time::Duration;

use anyhow::{Context, Result};
use record::id;
use serde_json::{Value, json};
use testbed::site::{ACCOUNT, Site, number, text, until_some};
use testbed::story::{Granted, People, TERMS, Terms};
use uuid::Uuid;

/// How long anything in Slurm may take before a test fails.
pub(crate) const BOUND: Duration = Duration::from_secs(120);

/// The QOS of the rig's project: its budget in Slurm.
pub(crate) fn qos() -> String {
    format!("mimer_{ACCOUNT}")
}

/// A site with a fund, a pool and a project that has a grant of it.
pub(crate) struct Rig {
    pub(crate) site: Site,
    pub(crate) people: People,
    pub(crate) granted: Granted,
}

impl Rig {
    /// Lays everything out and waits until Slurm has it. `share` as the API takes it.
    pub(crate) async fn begin(nodes: usize, share: &Value, gpu_seconds: i64) -> Result<Self> {
        let site = Site::real(nodes).await?;
        let people = People::gather(&site).await?;
        let terms = Terms { gpu_seconds, ..TERMS };
        let granted = people.open_ground(&site, &terms).await?;
        people.set_share(granted.pool_id, share).await?;
        people.until_kept(&site, BOUND).await?;
        Ok(Self { site, people, granted })
    }

    /// The lines of `mimer cluster diff`.
    pub(crate) async fn diff(&self) -> Result<Vec<Value>> {
        let diff = self.people.operator.get("/v1/cluster/diff").await?;
        diff["lines"].as_array().cloned().context("the diff has lines")
    }

    /// Plans a job of so many GPUs that sleeps, and returns the plan's id.
    pub(crate) async fn plan(&self, gpus: i64, sleep_s: u32, wall_time_s: i64) -> Result<Uuid> {
        let job_plan_id = id::fresh();
        self.people
            .anna
            .post(&self.plans(), &body(job_plan_id, gpus, sleep_s, wall_time_s))
            .await?;
        Ok(job_plan_id)
    }

    /// Where plans are sent.
    pub(crate) fn plans(&self) -> String {
        format!("/v1/projects/{}/job-plans", self.granted.project_id)
    }

    /// Waits until the plan's newest attempt is in one of the states, and returns it.
    pub(crate) async fn until(&self, job_plan_id: Uuid, states: &[&str]) -> Result<Value> {
        let what = format!("the plan to be {}", states.join(" or "));
        until_some(&self.site, &what, BOUND, async || {
            let attempt = self.attempt(job_plan_id).await?;
            Ok(states.contains(&text(&attempt, "state")?).then_some(attempt))
        })
        .await
    }

    /// The plan's newest attempt.
    pub(crate) async fn attempt(&self, job_plan_id: Uuid) -> Result<Value> {
        let shown = self.people.anna.get(&format!("/v1/job-plans/{job_plan_id}")).await?;
        let attempts = shown["attempts"].as_array().context("attempts")?;
        attempts.last().cloned().context("an attempt")
    }

    /// Slurm's id of the plan's newest attempt.
    pub(crate) async fn slurm_job_id(&self, job_plan_id: Uuid) -> Result<u32> {
        Ok(u32::try_from(number(&self.attempt(job_plan_id).await?, "slurm_job_id")?)?)
    }

    /// Waits until squeue shows the job waiting for a reason that contains `word`.
    pub(crate) async fn until_waits_for(&self, job_id: u32, word: &str) -> Result<()> {
        until_some(&self.site, &format!("job {job_id} to wait for {word}"), BOUND, async || {
            let row = self.site.cluster()?.squeue_row(job_id).await?;
            Ok(row.filter(|row| row.state == "PENDING" && row.reason.contains(word)).map(|_| ()))
        })
        .await
    }

    /// The grant's balance as the project shows it: granted, held, settled, overrun, available.
    pub(crate) async fn balance(&self) -> Result<Value> {
        let shown =
            self.people.anna.get(&format!("/v1/projects/{}", self.granted.project_id)).await?;
        let grant = shown["grants"].as_array().and_then(|grants| grants.first());
        let balance = grant.map(|grant| grant["balance"].clone());
        balance.with_context(|| format!("a grant in {shown}"))
    }
}

/// The body of a plan that sleeps.
pub(crate) fn body(job_plan_id: Uuid, gpus: i64, sleep_s: u32, wall_time_s: i64) -> Value {
    json!({
        "job_plan_id": job_plan_id, "name": "forecast",
        "script": format!("#!/bin/sh\nsleep {sleep_s}\n"), "gpu_count": gpus,
        "wall_time_s": wall_time_s, "class": "h200", "link_ids": [],
    })
}
