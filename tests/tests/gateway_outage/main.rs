//! The gateway dies, or what it stands on does: the outcome is the same, and mimerd never exits.

use anyhow::{Result, ensure};
use testbed::site::Site;
use testbed::story::{Outcome, Story, TERMS};

mod locked;
mod mishaps;

#[tokio::test]
async fn killing_the_gateway_changes_nothing_in_the_outcome() -> Result<()> {
    let site = Site::real(1).await?;
    let story = Story::begin(&site, &TERMS).await?;
    let plan = story.plan(&site);
    let anna = &story.people.anna;
    plan.submit(&story, anna).await?;
    site.crash_gateway().await?;
    plan.until(&site, anna, &["submitted", "released", "running"]).await?;
    site.crash_gateway().await?;
    plan.until(&site, anna, &["running"]).await?;
    site.crash_gateway().await?;

    let outcome = Outcome::of(&site, &story, &plan).await?;
    let rows = site.cluster()?.sacct_rows(outcome.slurm_job_id).await?;
    ensure!(rows.len() == 1 && rows[0].state == "COMPLETED", "{rows:?}");
    ensure!(rows[0].gpu_seconds() == outcome.gpu_seconds_charged, "{rows:?} {outcome:?}");
    ensure!(outcome.ledger_verified && outcome.gpu_seconds_charged > 0, "{outcome:?}");
    let all = site.cluster()?.sacct_rows_of_account(testbed::site::ACCOUNT).await?;
    ensure!(all.len() == 1, "one plan, one job in Slurm: {all:?}");
    site.stop().await
}
