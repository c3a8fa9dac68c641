//! Ways to go on: put back into the queue, in many tasks, longer, after a pause, after others.

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use record::{Clock, id};
use serde_json::{Value, json};
use testbed::poll;
use testbed::site::number;
use uuid::Uuid;

use crate::rig::{BOUND, Rig};
use crate::sacct::{agrees, settles};

/// Waits until so many seconds have passed, so that a run has something to be charged for.
pub(crate) async fn after_s(rig: &Rig, plan: Uuid, seconds: i64) -> Result<()> {
    let until = Clock::System.now() + TimeDelta::seconds(seconds);
    let passed = |_: &Value| Clock::System.now() >= until;
    rig.until_it(plan, "to have gone on for a while", passed).await.map(drop)
}

/// `scontrol requeue`, which an operator must allow first: two runs under one id, both charged.
pub(crate) async fn requeued(rig: &Rig) -> Result<()> {
    let cluster = rig.site.cluster()?;
    let plan = rig.plan("sleep 12", json!({ "wall_time_s": 120 })).await?;
    rig.until(plan, &["running"]).await?;
    let job_id = rig.slurm_job_id(plan).await?;
    let id = job_id.to_string();
    let job = format!("jobid={id}");
    after_s(rig, plan, 3).await?;
    cluster.output("scontrol", &["update", &job, "requeue=1"]).await?;
    cluster.output("scontrol", &["requeue", &id]).await?;
    cluster.until_state(job_id, "PENDING").await?;
    // The node has just revoked the job's credential; a second start that follows at once may find it
    // revoked still (slurmctld: "Killing non-startable batch JobId"), and then ends FAILED 1:0.
    after_s(rig, plan, 2).await?;
    // Slurm lets it wait two minutes; the operator does not.
    poll::until("its wait to be cut short", BOUND, async || {
        Ok(cluster.output("scontrol", &["update", &job, "starttime=now"]).await.is_ok())
    })
    .await?;
    let attempt = settles(rig, plan, &["REQUEUED", "COMPLETED"]).await?;
    ensure!(number(&attempt, "start_count")? == 2, "{attempt}");
    Ok(())
}

/// Twenty tasks: one hold, one attempt, twenty runs.
pub(crate) async fn array(rig: &Rig) -> Result<()> {
    let script = "sleep $((SLURM_ARRAY_TASK_ID % 3))";
    let plan = rig.plan(script, json!({ "task_count": 20, "tasks_at_once": 12 })).await?;
    let attempt = settles(rig, plan, &["COMPLETED"; 20]).await?;
    let tasks = attempt["tasks"].as_array().cloned().unwrap_or_default();
    let numbers: Vec<Option<i64>> = tasks.iter().map(|task| task["task_no"].as_i64()).collect();
    ensure!(numbers == (0..20).map(Some).collect::<Vec<_>>(), "{attempt}");
    ensure!(attempt["slurm_state"] == "COMPLETED", "{attempt}");
    Ok(())
}

/// Would be ended by its limit; gets two minutes more and ends by itself before they are up.
pub(crate) async fn extended_and_ended_early(rig: &Rig) -> Result<()> {
    let plan = rig.plan("sleep 100", json!({})).await?;
    rig.until(plan, &["running"]).await?;
    let extension = json!({ "extension_id": id::fresh(), "extra_s": 120 });
    rig.wish(&rig.people.anna, (plan, "extensions"), extension).await?;
    let granted = |it: &Value| !it["extensions"][0]["granted_at"].is_null();
    rig.until_it(plan, "to have its longer limit", granted).await?;
    settles(rig, plan, &["COMPLETED"]).await?;
    let runs = rig.runs(plan).await?;
    ensure!((100..120).contains(&runs[0].gpu_seconds), "{runs:?}");
    Ok(())
}

/// Stands still for a while: `sacct` leaves those seconds out, and so does the charge.
pub(crate) async fn suspended(rig: &Rig) -> Result<()> {
    let operator = &rig.people.operator;
    let plan = rig.plan("for i in 1 2 3 4 5 6 7 8; do sleep 1; done", json!({})).await?;
    rig.until(plan, &["running"]).await?;
    rig.wish(operator, (plan, "suspension"), json!({ "why": "the cooling fails" })).await?;
    let suspended = |it: &Value| it["slurm_state"] == "SUSPENDED" && !it["suspended"].is_null();
    rig.until_it(plan, "to be suspended", suspended).await?;
    after_s(rig, plan, 6).await?;
    rig.wish(operator, (plan, "resumption"), json!({ "why": "it is cool" })).await?;
    let attempt = settles(rig, plan, &["COMPLETED"]).await?;
    let at = |field: &str| serde_json::from_value::<DateTime<Utc>>(attempt[field].clone());
    let took = at("ended_at")? - at("started_at")?;
    let runs = rig.runs(plan).await?;
    ensure!(runs[0].gpu_seconds + 6 <= took.num_seconds(), "{runs:?} {attempt}");
    Ok(())
}

/// Starts when what it needs has ended as asked, and never when that can no longer be.
pub(crate) async fn waits_for_others(rig: &Rig) -> Result<()> {
    let after = |plan: Uuid, condition: &str| json!({ "after": [{ "job_plan_id": plan, "condition": condition }] });
    let first = rig.plan("sleep 3; exit 3", json!({})).await?;
    let on_failure = rig.plan("true", after(first, "failed")).await?;
    let on_success = rig.plan("true", after(first, "succeeded")).await?;
    settles(rig, first, &["FAILED"]).await?;
    settles(rig, on_failure, &["COMPLETED"]).await?;
    let cancelled = rig.until(on_success, &["cancelled"]).await?;
    ensure!(agrees(rig, on_success).await?.is_empty(), "{cancelled}");
    let again = rig.wish(&rig.people.anna, (first, "retry"), json!({ "attempt_id": id::fresh() }));
    again.await?;
    settles(rig, first, &["FAILED", "FAILED"]).await?;
    Ok(())
}

/// What the script asks of `sbatch` about its output is a comment: it stays in the project's area.
pub(crate) async fn output_stays(rig: &Rig) -> Result<()> {
    let outside = rig.site.dir().join("outside");
    let shown = outside.display();
    let script = format!(
        "#SBATCH --output={shown}/out --error={shown}/err --chdir={shown} --export=ALL\necho result"
    );
    std::fs::create_dir(&outside)?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&outside, open)?;
    let plan = rig.plan(&script, json!({})).await?;
    settles(rig, plan, &["COMPLETED"]).await?;
    ensure!(std::fs::read_dir(&outside)?.next().is_none(), "something came out");
    let job_id = rig.slurm_job_id(plan).await?;
    let own = rig.site.area().join(format!("work/job-{job_id}.out"));
    ensure!(std::fs::read_to_string(&own)?.trim() == "result", "{}", own.display());
    Ok(())
}
