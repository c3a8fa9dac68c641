//! The second opinion: `sacct --duplicates`, record by record, against the ledger's runs.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::slurm::SacctRow;
use uuid::Uuid;

use crate::rig::{Rig, Run};

/// States in which the machine's own fault ended a run; the rate card of the rig charges none of them.
const MACHINES_FAULT: [&str; 2] = ["NODE_FAIL", "BOOT_FAIL"];

/// Compares the runs of a plan with what slurmdbd has of all its attempts, and returns their states as
/// `sacct` spells them, in the order of the records.
pub(crate) async fn agrees(rig: &Rig, plan: Uuid) -> Result<Vec<String>> {
    let cluster = rig.site.cluster()?;
    let shown = rig.shown(plan).await?;
    let mut records: Vec<SacctRow> = Vec::new();
    for attempt in shown["attempts"].as_array().context("attempts")? {
        let job_id = u32::try_from(attempt["slurm_job_id"].as_i64().context("an id")?)?;
        records.extend(cluster.sacct_rows(job_id).await?);
    }
    // What never had a GPU has no run.
    records.retain(|record| !record.alloc_tres.is_empty());
    records.sort_by_key(|record| record.db_index.parse::<u64>().unwrap_or_default());
    let runs = rig.runs(plan).await?;
    ensure!(runs.len() == records.len(), "{plan}: {runs:#?} {records:#?}");
    for (run, record) in runs.iter().zip(&records) {
        same(run, record).with_context(|| format!("{plan}: {run:?} {record:?}"))?;
    }
    Ok(records.into_iter().map(|record| record.state).collect())
}

fn same(run: &Run, record: &SacctRow) -> Result<()> {
    ensure!(run.db_index.cast_unsigned().to_string() == record.db_index, "another record");
    ensure!(run.gpu_seconds == record.gpu_seconds(), "other GPU-seconds");
    // Slurm ended it so that it could begin again; to the broker it was cancelled.
    let state = if record.state == "REQUEUED" { "CANCELLED" } else { record.state.as_str() };
    ensure!(run.state == state, "another state");
    let chargeable = !MACHINES_FAULT.contains(&state);
    ensure!(run.chargeable == chargeable, "charged against the rate card");
    let owed = if chargeable { run.gpu_seconds } else { 0 };
    ensure!(run.posted == owed, "charges and overrun are not what is owed");
    Ok(())
}

/// Waits until the plan is settled, and compares.
pub(crate) async fn settles(rig: &Rig, plan: Uuid, states: &[&str]) -> Result<Value> {
    let attempt = rig.until(plan, &["settled"]).await?;
    let told = agrees(rig, plan).await?;
    ensure!(told == states, "{plan}: {told:?} instead of {states:?}; {attempt}");
    Ok(attempt)
}
