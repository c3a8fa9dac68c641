//! The main job, from request to invoice draft: the same story on both Slurms.

use anyhow::{Result, ensure};
use testbed::site::Site;
use testbed::story::{Outcome, PRICE_USEK, Story, TERMS};

/// Plays the story and checks what holds on either Slurm.
async fn play(site: &Site) -> Result<Outcome> {
    let story = Story::begin(site, &TERMS).await?;
    let plan = story.plan(site);
    plan.submit(&story, &story.people.anna).await?;
    let outcome = Outcome::of(site, &story, &plan).await?;
    ensure!(outcome.slurm_state == "COMPLETED", "{outcome:?}\n{}", site.mimerd_log());
    ensure!(outcome.gpu_seconds_charged > 0, "{outcome:?}");
    ensure!(outcome.link_verified && outcome.ledger_verified, "{outcome:?}");
    // One line, one price: öre = half-up(GPU-seconds × price / 3600 / 10 000).
    let usek_seconds = outcome.gpu_seconds_charged * PRICE_USEK;
    ensure!(outcome.invoice_draft_ore == (usek_seconds + 18_000_000) / 36_000_000, "{outcome:?}");
    Ok(outcome)
}

#[tokio::test]
async fn the_main_job_runs_on_the_simulated_slurm() -> Result<()> {
    let site = Site::fake().await?;
    play(&site).await?;
    site.stop().await
}

#[tokio::test]
async fn the_main_job_runs_on_a_real_slurm() -> Result<()> {
    let site = Site::real(1).await?;
    let outcome = play(&site).await?;
    let rows = site.cluster()?.sacct_rows(outcome.slurm_job_id).await?;
    ensure!(rows.len() == 1, "one job, one row: {rows:?}");
    ensure!(rows[0].gpu_seconds() == outcome.gpu_seconds_charged, "{rows:?} {outcome:?}");
    site.stop().await
}
