//! A permit is revoked while a job runs on it: the job is stopped within a minute, nothing new
//! starts, and what it used until then is charged.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use testbed::site::Site;
use testbed::story::{Plan, Story, TERMS};

#[tokio::test]
async fn a_revoked_permit_stops_what_runs_on_a_real_slurm() -> Result<()> {
    let site = Site::real(1).await?;
    let story = Story::begin(&site, &TERMS).await?;
    let anna = &story.people.anna;
    // One job with staged data, and one of the same confidential project without any.
    let with_data = long(story.plan(&site));
    let without_data = long(story.plan(&site)).with("link_ids", json!([]));
    for plan in [&with_data, &without_data] {
        plan.submit(&story, anna).await?;
        plan.until(&site, anna, &["running"]).await?;
    }

    let revoked_at = Instant::now();
    let revocation = format!("/v1/permits/{}/revocation", story.permit_id);
    story.people.controller.post(&revocation, &json!({ "why": "The study was stopped" })).await?;
    for plan in [&with_data, &without_data] {
        let attempt = plan.until(&site, anna, &["settled"]).await?;
        ensure!(attempt["slurm_state"] == "CANCELLED", "{attempt}");
        ensure!(attempt["reason"].as_str().is_some_and(|why| why.contains("permit")), "{attempt}");
    }
    ensure!(revoked_at.elapsed() < Duration::from_secs(60), "{:?}", revoked_at.elapsed());

    let next = story.plan(&site);
    let refused = anna.refused(&next.path(&story), &next.body).await?;
    ensure!(refused.code == "permit_revoked", "{refused}");
    site.stop().await
}

/// A job that would run for an hour on one GPU.
fn long(plan: Plan) -> Plan {
    plan.with("script", json!("#!/bin/sh\nsleep 3600\n"))
        .with("gpu_count", json!(1))
        .with("wall_time_s", json!(3600))
}
