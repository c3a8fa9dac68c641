//! Submissions that slurmctld acknowledged and lost: it is killed before it has saved them.
//!
//! The jobs find every GPU taken, so that none of them starts before: what is lost here was given to
//! Slurm and nothing more, and so each must come to its end in the one way that was planned.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;

use super::client::Client;
use super::dice::Dice;
use super::ground::Ground;
use super::play::Toll;
use super::report::Report;
use super::{answers, findings, say, settle};
use crate::poll;

/// How long anything may take.
const BOUND: Duration = Duration::from_secs(120);
/// By then slurmctld has saved whatever it knew before (SAVE_MAX_WAIT is 5 s).
const SAVED: Duration = Duration::from_secs(7);
/// How long slurmctld stays away.
const AWAY: Duration = Duration::from_secs(1);

/// Lower than the default 30 s, and safe here: slurmdbd is never away, so that slurmctld tells it of
/// whatever starts within six seconds (measured on 22.05), and what neither knows for longer did not
/// start.
const RESUBMIT_AFTER_S: i64 = 10;

/// One round.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// How long after the last acknowledgement slurmctld was killed.
    pub killed_after: Duration,
    /// Jobs that it did not know when it was back.
    pub lost: usize,
}

/// For each of `after`: so many submissions, all acknowledged, and slurmctld killed with -9 so long
/// after the last. Returns the rounds, and the report on all of them together.
pub async fn lose_submissions(count: usize, after: &[Duration]) -> Result<(Vec<Round>, Report)> {
    let mut ground = Ground::lay(Some(RESUBMIT_AFTER_S)).await.context("laying the ground")?;
    let played = play(&mut ground, count, after).await;
    ground.leave().await?;
    played
}

async fn play(
    ground: &mut Ground,
    count: usize,
    after: &[Duration],
) -> Result<(Vec<Round>, Report)> {
    let (mut rounds, mut plans) = (Vec::new(), Vec::new());
    for (number, killed_after) in after.iter().copied().enumerate() {
        let research = ground.site.cluster()?.fill_with_research().await?;
        tokio::time::sleep(SAVED).await;
        let mut clients = JoinSet::new();
        let client = Client {
            doors: ground.doors()?,
            path: ground.plans(),
            numbers: (number * count..(number + 1) * count).collect(),
            pause_ms: 0,
            some_fail: false,
            dice: Dice::new(1),
        };
        clients.spawn(client.send_all());
        let (answered, _) = answers(&mut clients).await?;
        plans.extend(answered.iter().cloned());
        let expected = i64::try_from(plans.len())?;
        poll::until("slurmctld to acknowledge every submission", BOUND, async || {
            Ok(ground.number(ACKNOWLEDGED).await? == expected)
        })
        .await?;
        tokio::time::sleep(killed_after).await;
        let cluster = ground.site.cluster_mut()?;
        cluster.daemon("slurmctld")?.crash();
        tokio::time::sleep(AWAY).await;
        cluster.start_slurmctld().await?;
        let known = cluster.squeue().await?;
        let lost =
            answered.iter().filter(|plan| !known.iter().any(|row| row.job_id == plan.slurm_job_id));
        let lost = lost.count();
        say(&format!("killed {} ms after: {lost} of {count} lost", killed_after.as_millis()));
        rounds.push(Round { killed_after, lost });
        for job_id in research {
            cluster.output("scancel", &[&job_id.to_string()]).await?;
        }
        settle::settle(ground).await?;
    }
    let mut report = findings(ground, plans, Toll::default()).await?.report()?;
    // None of them had started, so that Slurm had no reason to end any of them.
    report.broken.append(&mut report.ended_by_slurm);
    Ok((rounds, report))
}

/// Attempts that the gateway was told of that Slurm has them; each counts once it was.
const ACKNOWLEDGED: &str = "select count(*) from broker.attempt a where exists
    (select from record.audit where subject_id = a.attempt_id and action = 'attempt.submitted')";
