//! What an operator does after slurmctld died: Slurm 22.05 leaves three things to people.
//!
//! Measured on 22.05, each when slurmctld is killed before it has saved (up to 5 s late):
//! - a job that it had started is started again while the first still runs; slurmd refuses the second
//!   copy and drains the node ("Duplicate jobid"), and the job ends CANCELLED in Slurm's books;
//! - a job whose end it had acknowledged is RUNNING again until the node registers next, minutes later
//!   or at `scontrol reconfigure`, and then ends as NODE_FAIL, also where slurmdbd had its end;
//! - a job that it has forgotten altogether is killed on its node, or runs to its end unheard, and
//!   slurmdbd keeps a record without an end: a runaway.

use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::io::AsyncWriteExt;

use crate::Cluster;

/// Puts nodes back to work that slurmd drained for a second copy of a job; returns how many.
pub(super) async fn resume_nodes(cluster: &Cluster) -> Result<usize> {
    let drained = cluster.output("sinfo", &["-h", "-N", "-p", "gpu", "-t", "drain", "-o", "%N|%E"]);
    let mut resumed = 0;
    for line in drained.await?.lines() {
        let Some((node, "Duplicate jobid")) = line.split_once('|') else { continue };
        let node = format!("NodeName={node}");
        // One that has not spoken since slurmctld started cannot be resumed yet: the next round does.
        match cluster.output("scontrol", &["update", &node, "State=RESUME"]).await {
            Ok(_) => resumed += 1,
            Err(error) => super::say(&format!("not resumed yet: {error:#}")),
        }
    }
    Ok(resumed)
}

/// Has every node tell slurmctld now which jobs it has.
pub(super) async fn ask_nodes(cluster: &Cluster) -> Result<()> {
    cluster.output("scontrol", &["reconfigure"]).await.map(drop)
}

/// Ends the records of jobs that slurmctld no longer knows, with `sacctmgr show runawayjobs`; returns
/// how many there were.
pub(super) async fn end_runaways(cluster: &Cluster) -> Result<usize> {
    let mut command = tokio::process::Command::from(cluster.command("sacctmgr"));
    command.args(["--parsable2", "--noheader", "show", "runawayjobs", "format=ID,State,TimeStart"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().context("running sacctmgr")?;
    if let Some(mut answer) = child.stdin.take() {
        // Where there are none it asks nothing and may be gone already.
        let _gone = answer.write_all(b"y\n").await;
    }
    let output = child.wait_with_output().await?;
    Ok(count(&String::from_utf8_lossy(&output.stdout)))
}

/// Lines that begin with a job's id.
fn count(said: &str) -> usize {
    let ids = said.lines().filter_map(|line| line.split('|').next());
    ids.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runaways_are_told_from_the_words_around_them() {
        let said = "NOTE: Runaway jobs are jobs that don't exist in the controller\n\
                    10000001|PENDING|2026-11-22T07:34:55\n\nWould you like to fix these?\n(N/y): \n";
        assert_eq!(count(said), 1);
        assert_eq!(count("Runaway Jobs: No runaway jobs found on cluster testbed\n"), 0);
    }
}
