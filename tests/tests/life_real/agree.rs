//! `mimer reconcile` on a real Slurm: nothing differs after everything that happened, and what is
//! changed behind everybody's back is named.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::rig::Rig;

const RECONCILIATION: &str = "/v1/reconciliation";

/// Plans, slurmctld, slurmdbd, ledger and Slurm's own sums say the same of all that happened; and
/// once a record is changed behind everybody's back, the comparison names that job and no other.
pub(crate) async fn until_a_record_is_edited(rig: &Rig) -> Result<()> {
    let told = rig.people.operator.get(RECONCILIATION).await?;
    ensure!(told["differences"] == json!([]) && told["totals"]["equal"] == true, "{told}");
    let mut db = rig.database().await?;
    let edited: i64 =
        sqlx::query_scalar("select min(slurm_job_id) from accounting.run where gpu_seconds > 0")
            .fetch_one(&mut db)
            .await?;
    rig.site.cluster()?.edit_end(edited, 100).await?;
    let told = rig.people.operator.get(RECONCILIATION).await?;
    let differences = told["differences"].as_array().context("differences are a list")?;
    let named = |cause: &str| {
        let of_cause = differences.iter().filter(move |one| one["cause"] == cause);
        of_cause.filter_map(|one| one["slurm_job_id"].as_i64()).collect::<Vec<_>>()
    };
    ensure!(named("run_differs") == [edited], "{edited} was edited: {told}");
    ensure!(told["totals"]["equal"] == false, "{told}");
    Ok(())
}
