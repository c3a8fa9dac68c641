//! From the API call to Slurm's acceptance: the whole way through decision, hold, outbox, gateway.

use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use record::{Clock, id};
use serde_json::{Value, json};

use super::{percentile, rounded};
use crate::site::{Person, Site};
use crate::story::{Plan, Story, TERMS};

/// Plans per client.
const PLANS: usize = 20;
const BOUND: Duration = Duration::from_secs(120);

/// Measures with 1 and with 16 clients.
pub async fn latency() -> Result<Value> {
    let site = Site::real(1).await?;
    let story = Story::begin(&site, &TERMS).await?;
    // A link that never gets verified keeps every job held, so that nothing runs meanwhile.
    let link_id = hopeless_link(&story).await?;
    story.people.until_kept(&site, BOUND).await?;
    let mut one = round(&site, &story, link_id, 1).await?;
    let mut sixteen = round(&site, &story, link_id, 16).await?;
    site.stop().await?;
    Ok(json!({
        "bench": "latency",
        "plans_per_client": PLANS,
        "p50_ms_1_client": rounded(percentile(&mut one, 50), 1),
        "p99_ms_1_client": rounded(percentile(&mut one, 99), 1),
        "p50_ms_16_clients": rounded(percentile(&mut sixteen, 50), 1),
        "p99_ms_16_clients": rounded(percentile(&mut sixteen, 99), 1),
    }))
}

/// Opens a link to a directory that is not there.
pub(super) async fn hopeless_link(story: &Story) -> Result<uuid::Uuid> {
    let environments = story.people.anna.get("/v1/environments").await?;
    let link_id = id::fresh();
    let link = json!({
        "link_id": link_id,
        "permit_id": story.permit_id,
        "dataset": crate::story::DATASET,
        "environment_id": environments[0]["environment_id"],
        "source_path": "nothing-here",
        "allowed_types": ["csv"],
        "max_bytes": 1,
    });
    let path = format!("/v1/projects/{}/links", story.granted.project_id);
    story.people.anna.post(&path, &link).await?;
    Ok(link_id)
}

/// Each client submits its plans one after the other; returns milliseconds per plan.
async fn round(
    site: &Site,
    story: &Story,
    link_id: uuid::Uuid,
    clients: usize,
) -> Result<Vec<f64>> {
    let path = format!("/v1/projects/{}/job-plans", story.granted.project_id);
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let plans: Vec<Plan> = (0..PLANS)
            .map(|_| {
                story
                    .plan(site)
                    .with("link_ids", json!([link_id]))
                    .with("gpu_count", json!(1))
                    .with("wall_time_s", json!(60))
            })
            .collect();
        running.spawn(submit_all(story.people.anna.clone(), path.clone(), plans));
    }
    let mut asked = Vec::new();
    while let Some(done) = running.join_next().await {
        asked.extend(done.context("a client")??);
    }
    let mut milliseconds = Vec::new();
    for (plan, asked_at) in asked {
        let attempt =
            plan.until(site, &story.people.anna, &["submitted", "released", "running"]).await?;
        let queued_at: DateTime<Utc> =
            attempt["queued_at"].as_str().context("queued_at is set")?.parse()?;
        let took = (queued_at - asked_at).num_microseconds().context("a short time")?;
        milliseconds.push(f64::from(i32::try_from(took)?) / 1000.0);
    }
    Ok(milliseconds)
}

async fn submit_all(
    person: Person,
    path: String,
    plans: Vec<Plan>,
) -> Result<Vec<(Plan, DateTime<Utc>)>> {
    let mut asked = Vec::new();
    for plan in plans {
        let asked_at = Clock::System.now();
        person.post(&path, &plan.body).await?;
        asked.push((plan, asked_at));
    }
    Ok(asked)
}
