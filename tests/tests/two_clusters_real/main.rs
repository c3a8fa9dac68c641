//! Two real Slurm clusters behind one mimerd, a gateway each: a job goes where its pool is, and one
//! cluster whose gateway is dead leaves the other's jobs alone.

mod ground;

use anyhow::{Result, ensure};
use serde_json::Value;
use testbed::poll;
use testbed::site::number;

use ground::{BOUND, Ground, HERE, THERE};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_goes_to_its_cluster_and_a_dead_gateway_stops_only_its_own() -> Result<()> {
    let mut ground = Ground::lay().await?;
    which_cluster_must_be_said(&ground).await?;
    ground.until_health(true, true).await?;

    let (here, there) = (ground.plan(HERE).await?, ground.plan(THERE).await?);
    let (here, there) = (ground.until_settled(here).await?, ground.until_settled(there).await?);
    ensure!(here != there, "two jobs have the id {here}");
    each_ran_on_its_own(&ground, &[(HERE, here), (THERE, there)]).await?;

    ground.second.kill_gateway();
    ground.until_health(true, false).await?;
    let waits = ground.plan(THERE).await?;
    let goes = ground.plan(HERE).await?;
    let went = ground.until_settled(goes).await?;
    let state = ground.state(waits).await?;
    ensure!(state == "admitted", "a job is {state} behind a gateway that is dead");
    the_silent_one_is_named(&ground).await?;

    ground.second.start_gateway().await?;
    ground.until_health(true, true).await?;
    let came = ground.until_settled(waits).await?;
    let all = [(HERE, here), (THERE, there), (HERE, went), (THERE, came)];
    each_ran_on_its_own(&ground, &all).await?;
    for cluster in [HERE, THERE] {
        let path = format!("/v1/reconciliation?cluster={cluster}");
        let found = ground.people.operator.get(&path).await?;
        ensure!(found["totals"]["equal"] == true, "{cluster}: {found}");
        ensure!(number(&found["totals"], "run_count")? == 2, "{cluster}: {found}");
    }
    ground.stop().await
}

/// Where there are two, what is about one must say which; the answer names them.
async fn which_cluster_must_be_said(ground: &Ground) -> Result<()> {
    for path in ["settings", "diff", "import"].map(|of| format!("/v1/cluster/{of}")) {
        let (status, code, message) = ground.no(&path).await?;
        ensure!((status, code.as_str()) == (400, "cluster_not_named"), "{path}: {status} {code}");
        ensure!(message.contains(HERE) && message.contains(THERE), "{message}");
    }
    let (status, code, _) = ground.no("/v1/reconciliation?cluster=fjord").await?;
    ensure!((status, code.as_str()) == (404, "no_such_cluster"), "{status} {code}");
    Ok(())
}

/// Each id is one job, on the cluster of its pool and on no other; the ledger has what slurmdbd has.
async fn each_ran_on_its_own(ground: &Ground, jobs: &[(&str, u32)]) -> Result<()> {
    let mut expected = Vec::new();
    for (cluster, job_id) in jobs {
        let (own, other) = ground.clusters(cluster)?;
        let rows = own.sacct_rows(*job_id).await?;
        ensure!(rows.len() == 1 && rows[0].state == "COMPLETED", "{cluster} {job_id}: {rows:?}");
        let strange = other.sacct_rows(*job_id).await?;
        ensure!(strange.is_empty(), "{job_id} of {cluster} is elsewhere too: {strange:?}");
        expected.push(((*cluster).to_owned(), i64::from(*job_id), rows[0].gpu_seconds()));
    }
    expected.sort();
    let runs: Vec<(String, i64, i64)> = ground
        .rows("select cluster, slurm_job_id, gpu_seconds from accounting.run order by 1, 2")
        .await?;
    ensure!(runs == expected, "the ledger has {runs:?}, slurmdbd has {expected:?}");
    Ok(())
}

/// API, metrics and the operator's page say which cluster does not answer.
async fn the_silent_one_is_named(ground: &Ground) -> Result<()> {
    let (status, code, _) = ground.no(&format!("/v1/cluster/settings?cluster={THERE}")).await?;
    ensure!((status, code.as_str()) == (503, "slurm_unavailable"), "{status} {code}");
    let faults =
        ground.people.operator.get(&format!("/v1/cluster/settings?cluster={HERE}")).await?;
    ensure!(faults == Value::Array(vec![]), "{faults}");
    poll::until("the metrics to say so", BOUND, async || {
        let metrics = ground.site.metrics_of(0).await?;
        let says = |name: &str, cluster: &str, value: u8| {
            metrics.contains(&format!("{name}{{cluster=\"{cluster}\"}} {value}\n"))
        };
        Ok(["mimerd_gateway_answers", "mimerd_slurm_answers"]
            .iter()
            .all(|name| says(name, HERE, 1) && says(name, THERE, 0)))
    })
    .await?;
    let page = ground.page("/operator").await?;
    let line = format!("{THERE}: Slurm's settings could not be checked");
    ensure!(page.contains(&line), "the page does not say {line:?}: {page}");
    Ok(())
}
