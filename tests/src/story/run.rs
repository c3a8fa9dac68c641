//! Running one job plan and reading back what became of it.

use std::time::Duration;

use anyhow::{Context, Result};
use record::{Clock, Month, id};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Story;
use crate::site::{Person, Site, number, text};
use crate::workspace_root;

/// How long any step of a plan may take before the story fails.
const BOUND: Duration = Duration::from_secs(180);

/// A job plan to submit.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Client-chosen id.
    pub job_plan_id: Uuid,
    /// The request's body.
    pub body: Value,
}

impl Plan {
    /// A whole node for a few seconds, driving the simulated boards, with the story's data.
    pub(super) fn new(site: &Site, link_id: Uuid) -> Self {
        let job_plan_id = id::fresh();
        let load = workspace_root().join("tests/simulated-nvml/load.sh");
        let script = format!(
            "#!/bin/bash\n\
             # Reads the staged rows, writes a result to standard output, keeps the boards busy.\n\
             wc -l \"$MIMER_DATA\"/*/scans.csv\n\
             echo \"$MIMER_JOB_PLAN\" | rev\n\
             export MIMER_SIMULATED_NVML_DIR={nvml}/$SLURMD_NODENAME\n\
             sh {load} 8 || sleep 8\n",
            nvml = site.nvml_dir().display(),
            load = load.display(),
        );
        let body = json!({
            "job_plan_id": job_plan_id,
            "name": "train-stroke-model",
            "script": script,
            "gpu_count": 8,
            "wall_time_s": 120,
            "class": "h200",
            "link_ids": [link_id],
        });
        Self { job_plan_id, body }
    }

    /// What the job writes to its standard output, and nobody but the project may read.
    pub fn secret(&self) -> String {
        self.job_plan_id.to_string().chars().rev().collect()
    }

    /// The same plan with one field of its body changed.
    pub fn with(mut self, field: &str, value: Value) -> Self {
        self.body[field] = value;
        self
    }

    /// Submits the plan as `person`.
    pub async fn submit(&self, story: &Story, person: &Person) -> Result<Value> {
        person.post(&self.path(story), &self.body).await
    }

    /// Where plans of the story's project are submitted.
    pub fn path(&self, story: &Story) -> String {
        format!("/v1/projects/{}/job-plans", story.granted.project_id)
    }

    /// The plan as the API shows it.
    pub async fn show(&self, person: &Person) -> Result<Value> {
        person.get(&format!("/v1/job-plans/{}", self.job_plan_id)).await
    }

    /// Waits until the last attempt is in one of `states` and returns it.
    pub async fn until(&self, site: &Site, person: &Person, states: &[&str]) -> Result<Value> {
        let what = format!("the attempt to be {}", states.join(" or "));
        crate::site::until_some(site, &what, BOUND, async || {
            let shown = self.show(person).await?;
            let attempt = shown["attempts"].as_array().and_then(|all| all.last()).cloned();
            let attempt = attempt.with_context(|| format!("no attempt in {shown}"))?;
            Ok(states.contains(&text(&attempt, "state")?).then_some(attempt))
        })
        .await
    }
}

/// What became of the story's job, as the broker tells it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Slurm's job id.
    pub slurm_job_id: u32,
    /// Slurm's last word.
    pub slurm_state: String,
    /// GPU-seconds on the charges.
    pub gpu_seconds_charged: i64,
    /// Segments attributed to the run.
    pub segments: i64,
    /// The link's state is `verified`.
    pub link_verified: bool,
    /// Total of the invoice draft.
    pub invoice_draft_ore: i64,
    /// The record's verdict: chain and balances.
    pub ledger_verified: bool,
    /// Rows the sealer had not reached when asked.
    pub unsealed: i64,
}

impl Outcome {
    /// Reads the outcome of a settled plan through the API.
    pub async fn of(site: &Site, story: &Story, plan: &Plan) -> Result<Self> {
        let people = &story.people;
        let attempt = plan.until(site, &people.anna, &["settled"]).await?;
        let slurm_job_id = u32::try_from(number(&attempt, "slurm_job_id")?)?;
        let charges = people.finance.get("/v1/charges").await?;
        let gpu_seconds_charged = charges
            .as_array()
            .context("charges are a list")?
            .iter()
            .filter(|charge| charge["slurm_job_id"] == slurm_job_id)
            .map(|charge| number(charge, "gpu_seconds"))
            .sum::<Result<i64>>()?;
        let link = people.anna.get(&format!("/v1/links/{}", story.link_id)).await?;
        let month = Month::of(Clock::System.now());
        let draft = format!("/v1/invoice-drafts/{}/{month}", people.agency_id);
        let draft = people.finance.get(&draft).await?;
        let verdict = sealed_verdict(site, &people.finance).await?;
        // Segments are shipped every few seconds; the last ones of the run may still be on their way.
        let segments = crate::site::until_some(site, "segments of the run", BOUND, async || {
            let attempt = plan.until(site, &people.anna, &["settled"]).await?;
            let count = number(&attempt, "segment_count")?;
            Ok((count > 0).then_some(count))
        })
        .await?;
        Ok(Self {
            slurm_job_id,
            slurm_state: text(&attempt, "slurm_state")?.to_owned(),
            gpu_seconds_charged,
            segments,
            link_verified: link["state"] == "verified",
            invoice_draft_ore: number(&draft, "total_ore")?,
            ledger_verified: verdict["whole"] == true,
            unsealed: number(&verdict, "unsealed_count")?,
        })
    }
}

/// Waits until the sealer has reached every row, then asks for the verdict.
pub async fn sealed_verdict(site: &Site, person: &Person) -> Result<Value> {
    crate::site::until_some(site, "the sealer to reach every row", BOUND, async || {
        let verdict = person.get("/v1/audit/verdict").await?;
        Ok((number(&verdict, "unsealed_count")? == 0).then_some(verdict))
    })
    .await
}
