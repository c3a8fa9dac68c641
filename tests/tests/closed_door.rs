//! Nobody goes around the broker: what sacct shows of its job, and what Slurm refuses to others.

use anyhow::{Result, ensure};
use testbed::Cluster;
use testbed::site::{ACCOUNT, Site};
use testbed::story::{Outcome, Story, TERMS};

#[tokio::test]
async fn only_the_gateway_submits_to_the_brokers_partition_and_account() -> Result<()> {
    let site = Site::real(1).await?;
    let story = Story::begin(&site, &TERMS).await?;
    let plan = story.plan(&site);
    plan.submit(&story, &story.people.anna).await?;
    let outcome = Outcome::of(&site, &story, &plan).await?;
    let cluster = site.cluster()?;
    let user = site.project_user();

    let rows = cluster.sacct_rows_of_account(ACCOUNT).await?;
    ensure!(rows.len() == 1, "exactly one job for the plan: {rows:?}");
    let row = &rows[0];
    ensure!(row.job_id == outcome.slurm_job_id.to_string(), "{row:?}");
    ensure!(row.partition == "confidential", "{row:?}");
    ensure!((&row.account, &row.user) == (&ACCOUNT.to_owned(), &user.name), "{row:?}");

    for arguments in [
        &["--partition=confidential", "--gres=gpu:h200:1"][..],
        &["--partition=gpu", "--account", ACCOUNT, "--gres=gpu:h200:1"][..],
    ] {
        let refused = sbatch_as_user(cluster, user, arguments)?;
        ensure!(refused.contains("broker"), "sbatch {arguments:?} says: {refused}");
    }
    let rows = cluster.sacct_rows_of_account(ACCOUNT).await?;
    let ran: Vec<_> = rows.iter().filter(|row| row.state != "FAILED").collect();
    ensure!(ran.len() == 1, "a refused sbatch runs nothing: {rows:?}");
    site.stop().await
}

/// Runs the user's own sbatch, which must fail, and returns what it says.
fn sbatch_as_user(
    cluster: &Cluster,
    user: &testbed::accounts::PosixUser,
    arguments: &[&str],
) -> Result<String> {
    let output = cluster
        .command_as(user, "sbatch")
        .args(["--time=1", "--chdir=/tmp", "--output=/dev/null", "--wrap=true"])
        .args(arguments)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success(), "sbatch {arguments:?} was let through: {said}");
    Ok(said)
}
