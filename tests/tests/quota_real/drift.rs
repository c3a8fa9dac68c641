//! What Slurm has is what the broker wants; what a person changed by hand is shown, and mended by word.

use anyhow::{Result, ensure};
use serde_json::json;

use super::rig::{Rig, qos};

#[tokio::test]
async fn a_change_by_hand_is_one_line_and_apply_mends_just_it() -> Result<()> {
    let rig = Rig::begin(1, &json!({ "mode": "capped", "gpus": 8 }), 100 * 3600).await?;
    let cluster = rig.site.cluster()?;
    ensure!(rig.diff().await?.is_empty(), "the keeper has written everything");
    let wanted = cluster.qos_facts(&qos()).await?.expect("the QOS is there");
    let minutes = |facts: &testbed::slurm::LimitFacts| {
        facts.minutes.get("gres/gpu").and_then(|bound| bound.limit)
    };
    ensure!(minutes(&wanted) == Some(6_000), "100 GPU-hours in minutes: {wanted:?}");

    cluster.modify_by_hand(&["qos", &qos(), "set", "GrpTRESMins=gres/gpu=1"]).await?;
    let lines = rig.diff().await?;
    ensure!(lines.len() == 1, "one change, one line: {lines:?}");
    let line = &lines[0];
    ensure!(line["drift"] == true && line["name"] == qos(), "{line}");
    ensure!(line["expected"] != line["actual"] && !line["decides"].is_null(), "{line}");
    // The keeper leaves what a person did until a person decides: it looks twice more.
    let looks = rig.diff().await?;
    ensure!(looks.len() == 1, "{looks:?}");

    let why = json!({ "why": "nobody knows of this change" });
    let outcome = rig.people.operator.post("/v1/cluster/apply", &why).await?;
    let applied = outcome["applied"].as_array().map_or(0, Vec::len);
    ensure!(applied == 1, "just that line is written: {outcome}");
    ensure!(rig.diff().await?.is_empty());
    let mended = cluster.qos_facts(&qos()).await?.expect("the QOS is there");
    ensure!(minutes(&mended) == Some(6_000), "{mended:?}");

    let again = rig.people.operator.post("/v1/cluster/apply", &why).await?;
    ensure!(again["applied"].as_array().is_some_and(Vec::is_empty), "nothing is written: {again}");
    rig.site.stop().await
}
