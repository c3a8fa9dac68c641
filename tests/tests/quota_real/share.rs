//! The share in its three modes, while research has filled every node.

use anyhow::{Result, ensure};
use serde_json::json;
use testbed::slurm::Sbatch;

use super::rig::{Rig, qos};

const ROOM: i64 = 100 * 3600;

/// Nodes set aside: research cannot have them, and the public job starts at once on them.
#[tokio::test]
async fn set_aside_nodes_take_the_public_job_at_once() -> Result<()> {
    let share = json!({ "mode": "set_aside", "nodes": ["node01"] });
    let rig = Rig::begin(2, &share, ROOM).await?;
    let cluster = rig.site.cluster()?;
    let researcher = cluster.researcher().await?;
    let first = cluster.sbatch_as(&researcher, &Sbatch::default()).await?;
    cluster.until_state(first, "RUNNING").await?;
    let second = cluster.sbatch_as(&researcher, &Sbatch::default()).await?;
    let row = cluster.squeue_row(first).await?.expect("it runs");
    ensure!(row.nodes == "node02", "research stays off the nodes set aside: {row:?}");

    let plan = rig.plan(8, 20, 120).await?;
    rig.until(plan, &["running"]).await?;
    let job_id = rig.slurm_job_id(plan).await?;
    let public = cluster.squeue_row(job_id).await?.expect("it runs");
    ensure!(public.nodes == "node01", "{public:?}");
    ensure!(public.reservation.starts_with("mimer_"), "{public:?}");
    let rows = cluster.squeue().await?;
    let state = |id| rows.iter().find(|row| row.job_id == id).map(|row| row.state.clone());
    ensure!(state(first).as_deref() == Some("RUNNING"), "research runs on: {rows:?}");
    ensure!(state(second).as_deref() == Some("PENDING"), "and has no more than before: {rows:?}");
    research_paid_nothing(&rig, job_id).await?;
    rig.site.stop().await
}

/// Guaranteed: research has the GPUs while nobody needs them, and makes way when the public does.
#[tokio::test]
async fn a_guaranteed_share_makes_research_way() -> Result<()> {
    let rig = Rig::begin(1, &json!({ "mode": "guaranteed", "gpus": 8 }), ROOM).await?;
    let cluster = rig.site.cluster()?;
    let research = cluster.fill_with_research().await?;
    let plan = rig.plan(8, 20, 120).await?;
    rig.until(plan, &["running"]).await?;
    let job_id = rig.slurm_job_id(plan).await?;
    // Requeued, not lost: it is in line again.
    cluster.until_state(research[0], "PENDING").await?;
    research_paid_nothing(&rig, job_id).await?;
    rig.site.stop().await
}

/// Capped: nothing is kept free. The public job waits for research, and never has more than its cap.
#[tokio::test]
async fn a_capped_share_waits_and_is_never_exceeded() -> Result<()> {
    let rig = Rig::begin(1, &json!({ "mode": "capped", "gpus": 4 }), ROOM).await?;
    let cluster = rig.site.cluster()?;
    let research = cluster.fill_with_research().await?;
    let first = rig.plan(4, 60, 180).await?;
    rig.until(first, &["released"]).await?;
    let first_id = rig.slurm_job_id(first).await?;
    rig.until_waits_for(first_id, "Resources").await?;
    let row = cluster.squeue_row(research[0]).await?.expect("it runs");
    ensure!(row.state == "RUNNING", "research is not disturbed: {row:?}");

    cluster.output("scancel", &[&research[0].to_string()]).await?;
    rig.until(first, &["running"]).await?;
    let second = rig.plan(4, 5, 60).await?;
    rig.until(second, &["released"]).await?;
    let second_id = rig.slurm_job_id(second).await?;
    rig.until_waits_for(second_id, "GrpGRES").await?;
    research_paid_nothing(&rig, first_id).await?;
    rig.site.stop().await
}

/// Nothing of the public job is on research's account, and the fund's proof says the same.
async fn research_paid_nothing(rig: &Rig, job_id: u32) -> Result<()> {
    let cluster = rig.site.cluster()?;
    let row = cluster.squeue_row(job_id).await?.expect("slurmctld knows it");
    ensure!(row.account == testbed::site::ACCOUNT && row.qos == qos(), "{row:?}");
    let used = cluster.sacct_rows_of_account("research").await?;
    ensure!(used.iter().all(|row| !row.admin_comment.starts_with("mimer:")), "{used:?}");
    let proof =
        rig.people.operator.get(&format!("/v1/funds/{}/proof", rig.granted.fund_id)).await?;
    ensure!(proof["whole"] == true, "the fund's proof: {proof}");
    ensure!(proof["charged_elsewhere"]["gpu_seconds"] == 0, "research paid: {proof}");
    Ok(())
}
