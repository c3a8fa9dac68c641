//! An installation with one open project on the partition `gpu`, and what the tests do with it.

use std::time::Duration;

use anyhow::{Context, Result};
use chrono::TimeDelta;
use record::{Clock, id};
use serde_json::{Value, json};
use testbed::site::{ACCOUNT, PROJECT, Site, number, text, until_some};
use testbed::story::{PRICE_USEK, People};
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
    pub(crate) project_id: Uuid,
    pub(crate) fund_id: Uuid,
    pub(crate) pool_id: Uuid,
    pub(crate) grant_id: Uuid,
}

impl Rig {
    /// Lays everything out and waits until Slurm has it. `share` as the API takes it.
    pub(crate) async fn begin(nodes: usize, share: &Value, gpu_seconds: i64) -> Result<Self> {
        let site = Site::real(nodes).await?;
        let people = People::gather(&site).await?;
        let rig = Self {
            site,
            people,
            project_id: id::fresh(),
            fund_id: id::fresh(),
            pool_id: id::fresh(),
            grant_id: id::fresh(),
        };
        rig.lay_out(share).await?;
        rig.ask_and_grant(gpu_seconds).await?;
        rig.until_kept().await?;
        Ok(rig)
    }

    async fn lay_out(&self, share: &Value) -> Result<()> {
        let now = Clock::System.now();
        let (from, until) = (now - TimeDelta::days(1), now + TimeDelta::days(365));
        let operator = &self.people.operator;
        let fund = json!({
            "fund_id": self.fund_id, "name": "Public sector 2027", "purpose": "public_sector",
            "ceiling_usek": 30_000_000_000_000_i64, "valid_from": from, "valid_until": until,
        });
        operator.post("/v1/funds", &fund).await?;
        let pool = json!({
            "pool_id": self.pool_id, "fund_id": self.fund_id,
            "cluster": self.site.cluster_name(), "class": "h200", "gpu_type": "h200",
            "gpus_per_node": 8, "partition": "gpu", "gpu_seconds": 1_000_000_i64 * 3600,
            "valid_from": from, "valid_until": until,
        });
        operator.post("/v1/pools", &pool).await?;
        let path = format!("/v1/pools/{}/share", self.pool_id);
        let share = json!({ "pool_share_id": id::fresh(), "share": share });
        operator.post(&path, &share).await?;
        let card = json!({
            "rate_card_id": id::fresh(), "name": "Mimer 2027:1", "valid_from": from,
            "valid_until": null,
            "rates": [{ "rate_id": id::fresh(), "class": "h200", "partition": "gpu",
                "price_usek_per_gpu_hour": PRICE_USEK, "factor_ppm": 1_000_000 }],
        });
        self.people.finance.post("/v1/rate-cards", &card).await?;
        let project = json!({
            "project_id": self.project_id, "agency_id": self.people.agency_id, "slug": PROJECT,
            "title": "Traffic forecasts", "data_class": "open",
            "controller_login": self.people.controller.login, "slurm_account": ACCOUNT,
        });
        self.people.anna.post("/v1/projects", &project).await?;
        Ok(())
    }

    async fn ask_and_grant(&self, gpu_seconds: i64) -> Result<()> {
        let now = Clock::System.now();
        let request_id = id::fresh();
        let request = json!({
            "request_id": request_id, "purpose": "Forecast traffic", "class": "h200",
            "gpu_seconds": gpu_seconds, "gpus_at_once": 8, "longest_run_s": 4 * 3600,
            "from": now, "until": now + TimeDelta::days(30), "pattern": "compute_to_data",
        });
        let path = format!("/v1/projects/{}/requests", self.project_id);
        self.people.anna.post(&path, &request).await?;
        let scores = ["societal_benefit", "security", "need", "feasibility"]
            .map(|criterion| json!({ "criterion": criterion, "points": 4 }));
        let approval = json!({
            "decision_id": id::fresh(),
            "scores": scores,
            "motivation": "It serves everybody who travels.",
            "grant": {
                "grant_id": self.grant_id, "pool_id": self.pool_id, "gpu_seconds": gpu_seconds,
                "usek": 50_000_000_000_i64, "valid_from": now - TimeDelta::minutes(1),
                "valid_until": now + TimeDelta::days(30), "max_wall_time_s": 4 * 3600,
                "max_gpus": 8,
            },
        });
        let path = format!("/v1/requests/{request_id}/approval");
        self.people.decider.post(&path, &approval).await?;
        Ok(())
    }

    /// Waits until Slurm is as the broker wants it: the diff is empty.
    pub(crate) async fn until_kept(&self) -> Result<()> {
        self.people.until_kept(&self.site, BOUND).await
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
        format!("/v1/projects/{}/job-plans", self.project_id)
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
        let shown = self.people.anna.get(&format!("/v1/projects/{}", self.project_id)).await?;
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
