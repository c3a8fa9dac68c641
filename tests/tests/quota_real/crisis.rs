//! Crisis mode: two people, preemption, an end by itself, and a report that is complete.

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use record::{Clock, id};
use serde_json::json;
use testbed::site::until_some;

use super::rig::{BOUND, Rig, qos};

#[tokio::test]
async fn two_people_start_a_crisis_and_it_ends_by_itself() -> Result<()> {
    let rig = Rig::begin(1, &json!({ "mode": "none" }), 100 * 3600).await?;
    let cluster = rig.site.cluster()?;
    let research = cluster.fill_with_research().await?;
    // slurmdbd 22.05 keeps no start of a run that makes way before it has heard of it.
    let until_known = "slurmdbd to know that research runs";
    until_some(&rig.site, until_known, BOUND, async || {
        let rows = cluster.sacct_rows_of_account("research").await?;
        let has_started = |start: &str| !matches!(start, "None" | "Unknown");
        let runs = rows.iter().any(|row| row.state == "RUNNING" && has_started(&row.start));
        Ok(runs.then_some(()))
    })
    .await?;
    let plan = rig.plan(8, 20, 120).await?;
    rig.until(plan, &["released"]).await?;
    let job_id = rig.slurm_job_id(plan).await?;
    rig.until_waits_for(job_id, "Resources").await?;

    let (crisis_id, operator) = (id::fresh(), &rig.people.operator);
    let proposal = json!({
        "crisis_id": crisis_id, "project_ids": [rig.granted.project_id],
        "ends_at": Clock::System.now() + TimeDelta::seconds(45), "why": "a bridge has fallen",
    });
    operator.post("/v1/crises", &proposal).await?;
    let confirmation = format!("/v1/crises/{crisis_id}/confirmation");
    let alone = operator.refused(&confirmation, &json!(null)).await?;
    ensure!(alone.code == "crisis_takes_two", "{alone}");
    let row = cluster.squeue_row(job_id).await?.expect("it waits");
    ensure!(row.state == "PENDING", "one person alone changes nothing: {row:?}");

    rig.people.decider.post(&confirmation, &json!(null)).await?;
    rig.until(plan, &["running", "ended", "settled"]).await?;
    cluster.until_state(research[0], "PENDING").await?;

    let path = format!("/v1/crises/{crisis_id}/report");
    let report = until_some(&rig.site, "the crisis to be over and told", BOUND * 2, async || {
        let report = operator.get(&path).await?;
        Ok((report["complete"] == true).then_some(report))
    })
    .await?;
    ensure!(report["crisis"]["ended_by"].is_null(), "it ended by itself: {report}");
    rig.people.until_kept(&rig.site, BOUND).await?;
    let shown = ["--noheader", "-P", "show", "qos", &qos(), "format=Name,Preempt,Priority"];
    let after = cluster.output("sacctmgr", &shown).await?;
    ensure!(after.trim() == format!("{}||0", qos()), "everything is undone: {after}");

    let preempted: Vec<_> = cluster
        .sacct_rows_of_account("research")
        .await?
        .into_iter()
        .filter(|row| row.state == "PREEMPTED")
        .collect();
    let made_way = report["made_way"].as_array().cloned().unwrap_or_default();
    ensure!(!preempted.is_empty() && made_way.len() == preempted.len(), "{report} {preempted:?}");
    for row in &preempted {
        let job_id: i64 = row.job_id.parse()?;
        let told = made_way.iter().find(|it| it["slurm_job_id"] == job_id);
        ensure!(told.is_some_and(|it| it["charged_usek"] == 0), "{row:?} in {report}");
    }
    let first = report["went_first"].as_array().cloned().unwrap_or_default();
    ensure!(first.len() == 1 && first[0]["slurm_job_id"] == job_id, "{report}");
    rig.site.stop().await
}
