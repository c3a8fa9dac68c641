//! Ways to end.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use record::Clock;
use serde_json::json;
use testbed::site::ACCOUNT;
use uuid::Uuid;

use crate::going_on::after_s;
use crate::rig::Rig;
use crate::sacct::{agrees, settles};

/// A job that has a node for itself; returns its plan once it has run for two seconds, so that it has
/// taken something whatever ends it.
pub(crate) async fn whole_node(rig: &Rig) -> Result<Uuid> {
    let plan = rig.plan("sleep 600", json!({ "gpu_count": 8, "wall_time_s": 900 })).await?;
    rig.until(plan, &["running"]).await?;
    after_s(rig, plan, 2).await?;
    Ok(plan)
}

async fn node_of(rig: &Rig, plan: Uuid) -> Result<String> {
    let job_id = rig.slurm_job_id(plan).await?;
    let row = rig.site.cluster()?.squeue_row(job_id).await?;
    row.map(|row| row.nodes).filter(|node| !node.is_empty()).context("it is on a node")
}

/// Makes way for research that may take its place: it is over, and it is charged.
pub(crate) async fn preempted(rig: &Rig, victim: Uuid) -> Result<()> {
    let cluster = rig.site.cluster()?;
    let user = cluster.researcher().await?;
    let gives_way = format!("preempt=mimer_{ACCOUNT}");
    cluster.output("sacctmgr", &["-i", "add", "qos", "urgent", &gives_way]).await?;
    let theirs = ["user", "name=mimer-research", "set", "qos+=urgent"];
    cluster.modify_by_hand(&theirs).await?;
    let mut command = cluster.command_as(&user, "sbatch");
    command
        .args(["--parsable", "--chdir=/tmp", "--output=/dev/null", "--account=research"])
        .args(["--partition=research", "--gres=gpu:h200:8", "--time=5", "--qos=urgent"])
        .arg(format!("--nodelist={}", node_of(rig, victim).await?))
        .arg("--wrap=sleep 300");
    let output = tokio::process::Command::from(command).stdin(Stdio::null()).output().await?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    settles(rig, victim, &["PREEMPTED"]).await?;
    let urgent = String::from_utf8(output.stdout)?;
    cluster.output("scancel", &[urgent.trim()]).await?;
    Ok(())
}

/// Loses its node: recorded, and not charged.
pub(crate) async fn node_failed(rig: &Rig, unlucky: Uuid) -> Result<()> {
    let cluster = rig.site.cluster()?;
    let node = format!("nodename={}", node_of(rig, unlucky).await?);
    cluster.output("scontrol", &["update", &node, "state=down", "reason=test"]).await?;
    settles(rig, unlucky, &["NODE_FAIL"]).await?;
    let runs = rig.runs(unlucky).await?;
    ensure!(runs.iter().all(|run| run.gpu_seconds > 0 && run.posted == 0), "{runs:?}");
    Ok(())
}

/// Runs past its limit and ignores the friendly signal: all of it is posted, nothing is clipped.
pub(crate) async fn timed_out_and_ignored_it(rig: &Rig) -> Result<()> {
    let script = "trap '' TERM\nwhile true; do sleep 1; done";
    let plan = rig.plan(script, json!({})).await?;
    settles(rig, plan, &["TIMEOUT"]).await?;
    let runs = rig.runs(plan).await?;
    ensure!(runs[0].gpu_seconds >= 60, "{runs:?}");
    Ok(())
}

/// Ended by root behind the broker's back: settled as slurmdbd has it.
pub(crate) async fn scancelled(rig: &Rig) -> Result<()> {
    let plan = rig.plan("sleep 600", json!({ "wall_time_s": 900 })).await?;
    rig.until(plan, &["running"]).await?;
    let job_id = rig.slurm_job_id(plan).await?.to_string();
    rig.site.cluster()?.output("scancel", &[&job_id]).await?;
    let attempt = settles(rig, plan, &["CANCELLED"]).await?;
    ensure!(attempt["reason"].is_null(), "nobody asked the broker: {attempt}");
    Ok(())
}

/// Takes more memory than it has. Without control groups slurmd kills it by its own count, and 22.05
/// calls that FAILED with the exit code of a kill (measured); with them it is OUT_OF_MEMORY.
pub(crate) async fn out_of_memory(rig: &Rig) -> Result<()> {
    // Every system has perl; a node of another release is a bare one.
    let script = "perl -e 'vec(my $hog, 1400 << 20, 8) = 1; sleep 60'";
    let plan = rig.plan(script, json!({ "wall_time_s": 120 })).await?;
    let attempt = rig.until(plan, &["settled"]).await?;
    let told = agrees(rig, plan).await?;
    let killed =
        matches!(told.as_slice(), [state] if state == "FAILED" || state == "OUT_OF_MEMORY");
    ensure!(killed && attempt["exit_code"] != json!(0), "{told:?} {attempt}");
    Ok(())
}

/// Cancelled while it waits: the whole hold goes back at once.
pub(crate) async fn cancelled_before_its_start(rig: &Rig) -> Result<()> {
    let begin_at = Clock::System.now() + TimeDelta::hours(1);
    let plan = rig.plan("true", json!({ "begin_at": begin_at })).await?;
    rig.until(plan, &["released"]).await?;
    rig.wish(&rig.people.anna, (plan, "cancellation"), json!(null)).await?;
    rig.until(plan, &["cancelled"]).await?;
    let told = agrees(rig, plan).await?;
    ensure!(told.is_empty(), "{told:?}");
    Ok(())
}

/// Cancelled while it is suspended: charged for what it ran.
pub(crate) async fn cancelled_while_suspended(rig: &Rig) -> Result<()> {
    let plan = rig.plan("sleep 600", json!({ "wall_time_s": 900 })).await?;
    rig.until(plan, &["running"]).await?;
    let why = json!({ "why": "the cooling fails" });
    rig.wish(&rig.people.operator, (plan, "suspension"), why).await?;
    rig.until_it(plan, "to be suspended", |it| it["slurm_state"] == "SUSPENDED").await?;
    rig.wish(&rig.people.anna, (plan, "cancellation"), json!(null)).await?;
    settles(rig, plan, &["CANCELLED"]).await?;
    Ok(())
}
