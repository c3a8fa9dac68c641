//! The quiet after the chaos: everything is up, and within a bound everything is settled.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::books;
use super::ground::Ground;
use super::say;
use crate::poll;

/// How long the last hold may take to close once all is up.
const BOUND: Duration = Duration::from_secs(240);
/// How long nothing may close before an operator looks for runaway records.
const STANDSTILL: Duration = Duration::from_secs(30);

/// Holds that are not closed.
const OPEN_HOLDS: &str = "select count(*) from accounting.hold where state = 'open'";

/// Waits until every hold is closed; returns how many runaway records were mended on the way.
///
/// A record without an end, of a job that slurmctld has forgotten, is nobody's to settle: the operator
/// ends it with Slurm's own tool, and so does this, once nothing moves by itself any more.
pub(super) async fn settle(ground: &mut Ground) -> Result<usize> {
    everybody_runs(ground).await?;
    let begun = Instant::now();
    let (mut fewest, mut since) = (i64::MAX, Instant::now());
    let mut mended = 0;
    let waited = poll::until("every hold to be closed", BOUND, async || {
        let open = ground.number(OPEN_HOLDS).await?;
        if open < fewest {
            (fewest, since) = (open, Instant::now());
        }
        if open > 0 && since.elapsed() > STANDSTILL && nothing_runs(ground).await? {
            mended += books::mend_runaways(ground.site.cluster()?).await?;
            since = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(open == 0)
    })
    .await;
    match waited {
        Ok(()) => say(&format!("all settled after {:.1} s", begun.elapsed().as_secs_f64())),
        Err(error) => say(&format!("{error:#}")),
    }
    Ok(mended)
}

/// No job of the broker's waits or runs in slurmctld.
async fn nothing_runs(ground: &Ground) -> Result<bool> {
    let rows = ground.site.cluster()?.squeue().await?;
    let under_way = ["PENDING", "RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING"];
    Ok(!rows.iter().any(|row| under_way.contains(&row.state.as_str())))
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
