//! Every way in which a job lives and ends on a real Slurm: what is charged equals what slurmdbd has,
//! run by run, and every hold is closed.

mod agree;
#[path = "../database/mod.rs"]
mod database;
mod ending;
mod going_on;
mod rig;
mod sacct;

use anyhow::{Result, ensure};
use testbed::site::Site;

use rig::Rig;

/// One cluster, all at once: the slow ones, which wait for limits to pass, bound the time.
#[tokio::test]
async fn every_way_to_live_and_to_end_is_charged_as_slurmdbd_has_it() -> Result<()> {
    let rig = Rig::begin(Site::real(4).await?, 100 * 3600).await?;
    // The two that take their nodes for themselves come first.
    let (victim, unlucky) = (ending::whole_node(&rig).await?, ending::whole_node(&rig).await?);
    // What fails is told of all, not of the first alone: one cluster takes a minute to start.
    let (a, b, c, d, e, f, g, h, i, j, k, l, m) = tokio::join!(
        ending::preempted(&rig, victim),
        ending::node_failed(&rig, unlucky),
        ending::timed_out_and_ignored_it(&rig),
        ending::scancelled(&rig),
        ending::out_of_memory(&rig),
        ending::cancelled_before_its_start(&rig),
        ending::cancelled_while_suspended(&rig),
        going_on::requeued(&rig),
        going_on::array(&rig),
        going_on::extended_and_ended_early(&rig),
        going_on::suspended(&rig),
        going_on::waits_for_others(&rig),
        going_on::output_stays(&rig),
    );
    let faults: Vec<String> = [a, b, c, d, e, f, g, h, i, j, k, l, m]
        .into_iter()
        .filter_map(|outcome| outcome.err().map(|fault| format!("{fault:#}")))
        .collect();
    ensure!(faults.is_empty(), "{} of 13 ways:\n{}", faults.len(), faults.join("\n\n"));
    rig.all_is_settled().await?;
    agree::until_a_record_is_edited(&rig).await?;
    rig.site.stop().await
}
