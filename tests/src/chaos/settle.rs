//! The quiet after the chaos: everything is up, and within a bound everything is settled.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::ground::Ground;
use super::{operator, say};
use crate::poll;

/// How long the last hold may take to close once all is up. mimerd asks slurmdbd for what is owed ever
/// more seldom: a record that an operator ended is read five minutes later at the latest.
const BOUND: Duration = Duration::from_secs(420);
/// How long nothing may close before an operator looks for runaway records.
const STANDSTILL: Duration = Duration::from_secs(45);

/// After a start slurmctld believes so long that a job runs which no node has: BatchStartTimeout and
/// the message's, with some seconds to spare.
const FORGOTTEN: Duration = Duration::from_secs(25);
/// How often all of it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Holds that are not closed.
const OPEN_HOLDS: &str = "select count(*) from accounting.hold where state = 'open'";

/// Waits until every hold is closed, and does what is left to an operator meanwhile.
pub(super) async fn settle(ground: &mut Ground) -> Result<()> {
    everybody_runs(ground).await?;
    let begun = Instant::now();
    let (mut fewest, mut since) = (i64::MAX, Instant::now());
    let (mut nodes_asked, mut runaways) = (false, 0);
    let waited = poll::until("every hold to be closed", BOUND, async || {
        tokio::time::sleep(LOOK_EVERY).await;
        let cluster = ground.site.cluster()?;
        operator::resume_nodes(cluster).await?;
        if !nodes_asked && begun.elapsed() > FORGOTTEN {
            operator::ask_nodes(cluster).await?;
            nodes_asked = true;
        }
        let open = ground.number(OPEN_HOLDS).await?;
        if open < fewest {
            (fewest, since) = (open, Instant::now());
        }
        let under_way = under_way(ground).await?;
        if open > 0 && since.elapsed() > STANDSTILL {
            say(&format!("{open} holds are open; under way in Slurm: {under_way:?}"));
            since = Instant::now();
            if under_way.is_empty() {
                runaways += operator::end_runaways(cluster).await?;
            }
        }
        Ok(open == 0 && under_way.is_empty())
    })
    .await;
    match waited {
        Ok(()) => say(&format!("all settled after {:.1} s", begun.elapsed().as_secs_f64())),
        Err(error) => say(&format!("{error:#}")),
    }
    say(&format!("runaway records that an operator had to end: {runaways}"));
    Ok(())
}

/// Jobs that wait or run in slurmctld, with their states.
async fn under_way(ground: &Ground) -> Result<Vec<(u32, String)>> {
    let rows = ground.site.cluster()?.squeue().await?.into_iter();
    let states = ["PENDING", "RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING"];
    let rows = rows.filter(|row| states.contains(&row.state.as_str()));
    Ok(rows.map(|row| (row.job_id, row.state)).collect())
}

/// Nobody ended by itself: what the faults did not kill must still run.
async fn everybody_runs(ground: &mut Ground) -> Result<()> {
    let site = &mut ground.site;
    for number in 0..site.mimerd_count() {
        ensure!(
            site.mimerd_runs(number)?,
            "mimerd {number} ended by itself: {}",
            site.log_of(number)
        );
    }
    let mut names = ["munged", "mariadbd", "slurmdbd", "slurmctld"].map(str::to_owned).to_vec();
    let cluster = site.cluster_mut()?;
    names.extend(cluster.node_names().iter().map(|node| format!("slurmd-{node}")));
    for name in names {
        let daemon = cluster.daemon(&name)?;
        let ended = daemon.exit_status();
        ensure!(ended.is_none(), "{name} ended by itself ({ended:?}):\n{}", daemon.log_tail());
    }
    Ok(())
}
