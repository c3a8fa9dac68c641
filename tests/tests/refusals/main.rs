//! Bad input: each refusal has its own status, its stable code and a sentence that says what to do,
//! and it leaves nothing half-done: no row of the broker's tables is different afterwards.

#[path = "../database/mod.rs"]
mod database;

mod configuration;
mod decisions;
mod outage;
mod permits;
mod plans;
mod requests;
mod stage;

use anyhow::Result;
use testbed::story::TERMS;

use stage::Stage;

#[tokio::test]
async fn a_job_plan_that_may_not_run_leaves_nothing_behind() -> Result<()> {
    let mut stage = Stage::set(&TERMS).await?;
    plans::whose_project_it_is(&mut stage).await?;
    plans::what_is_asked(&mut stage).await?;
    plans::what_is_left(&mut stage).await?;
    permits::what_a_permit_allows(&mut stage).await?;
    permits::what_a_link_may_bring(&mut stage).await?;
    permits::whom_a_permit_names(&mut stage).await?;
    permits::a_revoked_permit(&mut stage).await?;
    stage.nothing_was_held().await?;
    stage.end().await
}

#[tokio::test]
async fn a_decision_or_a_request_that_breaks_a_rule_leaves_nothing_behind() -> Result<()> {
    let mut stage = Stage::set(&TERMS).await?;
    requests::what_is_not_json(&mut stage).await?;
    requests::what_is_not_an_address(&mut stage).await?;
    requests::what_no_database_can_keep(&mut stage).await?;
    decisions::what_a_grant_may_be(&mut stage).await?;
    decisions::who_may_decide(&mut stage).await?;
    decisions::who_may_become_a_member(&mut stage).await?;
    stage.nothing_was_held().await?;
    stage.end().await
}
