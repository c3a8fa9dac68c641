//! Two fences: the ledger refuses at once, and Slurm's own limit holds even against root.

use anyhow::{Result, ensure};
use record::id;
use serde_json::{Value, json};
use testbed::site::{ACCOUNT, number, until_some};
use testbed::slurm::Sbatch;

use super::rig::{BOUND, Rig, body, qos};

/// One job of 2 GPUs for a minute, with its grace.
const ONE_JOB: i64 = 2 * (60 + 60);

#[tokio::test]
async fn an_exhausted_budget_is_refused_by_the_ledger_and_by_slurm() -> Result<()> {
    let rig = Rig::begin(1, &json!({ "mode": "none" }), ONE_JOB).await?;
    let cluster = rig.site.cluster()?;
    let facts = cluster.qos_facts(&qos()).await?.expect("the QOS is there");
    for tres in ["gres/gpu", "gres/gpu:h200"] {
        let limit = facts.minutes.get(tres).and_then(|bound| bound.limit);
        ensure!(limit == Some(4), "{tres} is fenced at {ONE_JOB} GPU-seconds: {facts:?}");
    }

    rig.plan(2, 30, 60).await?;
    let refused = rig.people.anna.refused(&rig.plans(), &body(id::fresh(), 1, 1, 60)).await?;
    ensure!(refused.code == "not_enough_gpu_seconds", "the ledger refuses at once: {refused}");

    // Root goes past the broker. While mimerd cannot cancel the stranger, only Slurm is in the way.
    rig.site.pause_mimerd()?;
    let user = rig.site.project_user();
    let qos = qos();
    let past = Sbatch {
        account: ACCOUNT,
        partition: "gpu",
        qos: Some(&qos),
        gres: "gpu:h200:2",
        time_limit_min: 10,
        ..Sbatch::default()
    };
    let job_id = cluster.sbatch_as_root_for(user, &past).await?;
    let waits = rig.until_waits_for(job_id, "GRESMinutes").await;
    rig.site.resume_mimerd()?;
    waits?;

    for gres in ["gpu:2", "gpu"] {
        let untyped = Sbatch { gres, ..past.clone() };
        let refused = cluster.sbatch_as_root_for(user, &untyped).await;
        ensure!(refused.is_err(), "{gres} has no type and slips past a typed limit: {refused:?}");
    }
    until_posted(&rig, job_id).await?;
    rig.site.stop().await
}

/// A job that nobody planned runs: it is cancelled, alarmed and posted as an exception.
#[tokio::test]
async fn a_job_that_nobody_planned_is_cancelled_and_posted() -> Result<()> {
    let rig = Rig::begin(1, &json!({ "mode": "none" }), 100 * 3600).await?;
    let cluster = rig.site.cluster()?;
    let researcher = cluster.researcher().await?;
    let past = Sbatch { partition: "gpu", gres: "gpu:h200:4", ..Sbatch::default() };
    let job_id = cluster.sbatch_as_root_for(&researcher, &past).await?;
    let posted = until_posted(&rig, job_id).await?;
    let row = cluster.squeue_row(job_id).await?.expect("slurmctld remembers it");
    ensure!(row.state == "CANCELLED", "{row:?}");
    ensure!(posted["facts"]["account"] == "research", "{posted}");
    ensure!(number(&posted, "gpu_seconds")? >= 0, "{posted}");

    let path = format!("/v1/exceptions/{}/closing", posted["exception_id"].as_str().unwrap_or(""));
    let why = json!({ "why": "root tried the door" });
    let closed = rig.people.operator.post(&path, &why).await?;
    ensure!(!closed["closed_at"].is_null(), "{closed}");
    let balance = rig.balance().await?;
    ensure!(balance["settled"] == 0, "nobody paid for it: {balance}");
    rig.site.stop().await
}

/// Waits until the exception of the job is there and its use is posted.
async fn until_posted(rig: &Rig, job_id: u32) -> Result<Value> {
    until_some(&rig.site, "the exception to be posted", BOUND, async || {
        let listed = rig.people.operator.get("/v1/exceptions").await?;
        let found = listed.as_array().into_iter().flatten().find(|it| it["slurm_job_id"] == job_id);
        Ok(found.filter(|it| !it["gpu_seconds"].is_null()).cloned())
    })
    .await
}
