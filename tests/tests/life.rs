//! A job's whole life as people drive it, on the *simulated* Slurm: arrays, waits for other jobs, a
//! begin, hold and release, more time, suspension, a further attempt.

#[path = "database/mod.rs"]
mod database;
#[path = "life_real/rig.rs"]
mod rig;

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use record::{Clock, id};
use serde_json::{Value, json};
use slurm_wire::JobState;
use testbed::site::{Site, Slurm, number};
use uuid::Uuid;

use rig::{Rig, body};

async fn rig() -> Result<Rig> {
    Rig::begin(Site::fake().await?, 100 * 3600).await
}

fn fake(rig: &Rig) -> &testbed::fake_gateway::FakeGateway {
    match rig.site.slurm() {
        Slurm::Fake(gateway) => gateway,
        Slurm::Real(_) => unreachable!("the site is a simulated one"),
    }
}

#[tokio::test]
async fn each_task_of_an_array_is_a_run_and_is_shown() -> Result<()> {
    let rig = rig().await?;
    let plan = rig.plan("sleep 1", json!({ "task_count": 20, "tasks_at_once": 6 })).await?;
    let settled = rig.until(plan, &["settled"]).await?;
    ensure!(settled["slurm_state"] == "COMPLETED", "{settled}");
    let tasks = settled["tasks"].as_array().cloned().unwrap_or_default();
    let numbers: Vec<Option<i64>> = tasks.iter().map(|task| task["task_no"].as_i64()).collect();
    ensure!(numbers == (0..20).map(Some).collect::<Vec<_>>(), "{numbers:?}");
    let runs = rig.runs(plan).await?;
    ensure!(runs.len() == 20 && runs.iter().all(|run| run.posted == run.gpu_seconds), "{runs:?}");
    rig.all_is_settled().await?;

    // Above what the gateway's bounds allow: refused by Slurm's side, and nothing stays held.
    let plan = rig.plan("true", json!({ "task_count": 1_001, "tasks_at_once": 1 })).await?;
    let refused = rig.until(plan, &["refused"]).await?;
    ensure!(refused["reason"].as_str().is_some_and(|why| why.contains("bounds")), "{refused}");
    rig.all_is_settled().await?;
    rig.site.stop().await
}

fn after(plan: Uuid, condition: &str) -> Value {
    json!({ "after": [{ "job_plan_id": plan, "condition": condition }] })
}

#[tokio::test]
async fn a_job_waits_for_others_and_is_cancelled_when_they_end_otherwise() -> Result<()> {
    let rig = rig().await?;
    let first = rig.plan("sleep 3", json!({})).await?;
    let on_success = rig.plan("sleep 1", after(first, "succeeded")).await?;
    let on_failure = rig.plan("sleep 1", after(first, "failed")).await?;
    let last = rig.plan("sleep 1", after(on_failure, "ended")).await?;
    rig.until(on_success, &["submitted"]).await?;
    let why = rig.people.anna.get(&format!("/v1/job-plans/{on_success}/why")).await?;
    ensure!(why.to_string().contains("waits_for_jobs"), "{why}");
    rig.until(first, &["settled"]).await?;
    let settled = rig.until(on_success, &["settled"]).await?;
    ensure!(settled["slurm_state"] == "COMPLETED", "{settled}");
    let cancelled = rig.until(on_failure, &["cancelled"]).await?;
    let reason = cancelled["reason"].as_str().unwrap_or_default().to_owned();
    let started = rig.runs(on_failure).await?;
    ensure!(started.is_empty(), "it never ran: {started:?}");
    rig.until(last, &["settled"]).await?;
    let told = rig.shown(on_failure).await?;
    ensure!(told["after"][0]["condition"] == "failed", "{told} {reason}");

    let late = body(id::fresh(), "true", after(first, "failed"));
    let refused = rig.people.anna.refused(&rig.plans(), &late).await?;
    ensure!(refused.code == "need_never_met", "{refused}");
    let strange = body(id::fresh(), "true", after(id::fresh(), "ended"));
    let refused = rig.people.anna.refused(&rig.plans(), &strange).await?;
    ensure!(refused.code == "no_such_need" && refused.status == 404, "{refused}");
    rig.all_is_settled().await?;
    rig.site.stop().await
}

#[tokio::test]
async fn a_job_with_a_begin_starts_no_earlier() -> Result<()> {
    let rig = rig().await?;
    let begin_at = Clock::System.now() + TimeDelta::seconds(5);
    let plan = rig.plan("sleep 1", json!({ "begin_at": begin_at })).await?;
    let settled = rig.until(plan, &["settled"]).await?;
    let started: chrono::DateTime<chrono::Utc> =
        serde_json::from_value(settled["started_at"].clone())?;
    ensure!(started.timestamp() >= begin_at.timestamp(), "{started} {begin_at}");
    let past = body(id::fresh(), "true", json!({ "begin_at": begin_at }));
    let refused = rig.people.anna.refused(&rig.plans(), &past).await?;
    ensure!(refused.code == "begins_in_the_past" && refused.status == 422, "{refused}");
    rig.site.stop().await
}

#[tokio::test]
async fn a_waiting_job_is_held_and_released_and_an_operators_word_goes_first() -> Result<()> {
    let rig = rig().await?;
    let (anna, operator) = (&rig.people.anna, &rig.people.operator);
    let soon = Clock::System.now() + TimeDelta::seconds(3);
    let plan = rig.plan("sleep 1", json!({ "begin_at": soon })).await?;
    rig.until(plan, &["released"]).await?;
    rig.wish(anna, (plan, "hold"), json!({})).await?;
    let silent = operator.refused(&format!("/v1/job-plans/{plan}/hold"), &json!({})).await?;
    ensure!(silent.code == "why_missing", "{silent}");
    rig.wish(operator, (plan, "hold"), json!({ "why": "a new driver" })).await?;
    let held = rig.until_it(plan, "to be shown as held", |it| !it["held_by_person"].is_null());
    let held = held.await?;
    ensure!(held["held_by_person"]["by_operator"] == true, "{held}");
    let refused = anna.refused(&format!("/v1/job-plans/{plan}/release"), &json!({})).await?;
    ensure!(refused.code == "job_held_by_operator", "{refused}");
    // Its begin passes, and it does not start.
    rig.until_it(plan, "to be held in Slurm past its begin", |_| {
        let row = fake(&rig).jobs().into_iter().find(|row| row.held);
        row.is_some_and(|_| Clock::System.now() > soon + TimeDelta::seconds(2))
    })
    .await?;
    ensure!(rig.attempt(plan).await?["state"] == "submitted");
    rig.wish(operator, (plan, "release"), json!({ "why": "the driver is in" })).await?;
    rig.until(plan, &["settled"]).await?;
    let over = anna.refused(&format!("/v1/job-plans/{plan}/hold"), &json!({})).await?;
    ensure!(over.code == "job_plan_over", "{over}");
    rig.all_is_settled().await?;
    rig.site.stop().await
}

#[tokio::test]
async fn more_time_is_held_first_and_lets_a_job_end_by_itself() -> Result<()> {
    let rig = rig().await?;
    let anna = &rig.people.anna;
    let plan = rig.plan("sleep 20", json!({})).await?;
    rig.until(plan, &["running"]).await?;
    let extension = json!({ "extension_id": id::fresh(), "extra_s": 90 });
    let wanted = rig.wish(anna, (plan, "extensions"), extension.clone()).await?;
    ensure!(number(&wanted, "gpu_seconds")? == 120, "two whole minutes on one GPU: {wanted}");
    let same = rig.wish(anna, (plan, "extensions"), extension).await?;
    ensure!(same["wanted_at"] == wanted["wanted_at"], "{same}");
    let granted = |it: &Value| !it["extensions"][0]["granted_at"].is_null();
    rig.until_it(plan, "to have its longer limit", granted).await?;
    let job_id = rig.slurm_job_id(plan).await?;
    let row = fake(&rig).jobs().into_iter().find(|row| row.job_id == job_id);
    ensure!(row.as_ref().and_then(|row| row.time_limit_min) == Some(3), "{row:?}");
    // The grant allows four hours.
    let beyond = json!({ "extension_id": id::fresh(), "extra_s": 4 * 3600 });
    let refused = anna.refused(&format!("/v1/job-plans/{plan}/extensions"), &beyond).await?;
    ensure!(refused.code == "wall_time_above_grant", "{refused}");
    let settled = rig.until(plan, &["settled"]).await?;
    ensure!(settled["slurm_state"] == "COMPLETED", "{settled}");
    rig.all_is_settled().await?;
    rig.site.stop().await
}

#[tokio::test]
async fn a_suspended_job_is_not_charged_for_it_and_can_be_cancelled() -> Result<()> {
    let rig = rig().await?;
    let operator = &rig.people.operator;
    let plan = rig.plan("sleep 20", json!({})).await?;
    rig.until(plan, &["running"]).await?;
    let refused = rig
        .people
        .anna
        .refused(&format!("/v1/job-plans/{plan}/suspension"), &json!({ "why": "no" }))
        .await?;
    ensure!(refused.code == "role_not_allowed", "{refused}");
    rig.wish(operator, (plan, "suspension"), json!({ "why": "the cooling fails" })).await?;
    let suspended = |it: &Value| it["slurm_state"] == "SUSPENDED" && !it["suspended"].is_null();
    rig.until_it(plan, "to be suspended", suspended).await?;
    let since = Clock::System.now();
    rig.until_it(plan, "to stay so for a while", |_| {
        Clock::System.now() > since + TimeDelta::seconds(4)
    })
    .await?;
    rig.wish(operator, (plan, "resumption"), json!({ "why": "it is cool" })).await?;
    let settled = rig.until(plan, &["settled"]).await?;
    ensure!(settled["slurm_state"] == "COMPLETED" && settled["suspended"].is_null(), "{settled}");
    let runs = rig.runs(plan).await?;
    ensure!(runs.len() == 1 && runs[0].gpu_seconds == 20, "suspended seconds are free: {runs:?}");

    let other = rig.plan("sleep 600", json!({ "wall_time_s": 900 })).await?;
    rig.until(other, &["running"]).await?;
    rig.wish(operator, (other, "suspension"), json!({ "why": "the cooling fails" })).await?;
    rig.until_it(other, "to be suspended", suspended).await?;
    rig.wish(&rig.people.anna, (other, "cancellation"), json!(null)).await?;
    let settled = rig.until(other, &["settled"]).await?;
    ensure!(settled["slurm_state"] == "CANCELLED", "{settled}");
    rig.all_is_settled().await?;
    rig.site.stop().await
}

#[tokio::test]
async fn a_plan_that_lost_its_node_is_tried_again_with_another_id() -> Result<()> {
    let rig = rig().await?;
    let anna = &rig.people.anna;
    let plan = rig.plan("sleep 30", json!({})).await?;
    rig.until(plan, &["running"]).await?;
    let path = format!("/v1/job-plans/{plan}/retry");
    let early = anna.refused(&path, &json!({ "attempt_id": id::fresh() })).await?;
    ensure!(early.code == "job_plan_still_open", "{early}");
    let first = rig.slurm_job_id(plan).await?;
    fake(&rig).end_by_hand(first, JobState::NodeFail);
    let lost = rig.until(plan, &["settled"]).await?;
    ensure!(lost["slurm_state"] == "NODE_FAIL", "{lost}");
    let again = json!({ "attempt_id": id::fresh() });
    let admitted = anna.post(&path, &again).await?;
    let repeated = anna.post(&path, &again).await?;
    ensure!(admitted == repeated && number(&admitted, "slurm_job_id")? != i64::from(first));
    let settled = rig.until_it(plan, "to settle again", |it| {
        it["state"] == "settled" && it["slurm_job_id"] != json!(first)
    });
    ensure!(settled.await?["slurm_state"] == "COMPLETED");
    let runs = rig.runs(plan).await?;
    let told: Vec<(&str, bool)> =
        runs.iter().map(|run| (run.state.as_str(), run.chargeable)).collect();
    ensure!(told == [("NODE_FAIL", false), ("COMPLETED", true)], "{runs:?}");
    rig.all_is_settled().await?;
    rig.site.stop().await
}

#[tokio::test]
async fn a_job_that_slurm_put_back_into_the_queue_is_charged_run_by_run() -> Result<()> {
    let rig = rig().await?;
    let plan = rig.plan("sleep 120", json!({ "wall_time_s": 600 })).await?;
    rig.until(plan, &["running"]).await?;
    let job_id = rig.slurm_job_id(plan).await?;
    fake(&rig).requeue_by_hand(job_id);
    let waiting = fake(&rig).jobs().into_iter().find(|row| row.job_id == job_id);
    ensure!(waiting.is_some_and(|row| row.state == JobState::Pending && row.restart_count == 1));
    rig.until_it(plan, "to be seen waiting again", |it| it["slurm_state"] == "PENDING").await?;
    rig.wish(&rig.people.anna, (plan, "cancellation"), json!(null)).await?;
    rig.until(plan, &["settled"]).await?;
    let runs = rig.runs(plan).await?;
    ensure!(runs.len() == 1 && runs[0].chargeable && runs[0].posted == runs[0].gpu_seconds);
    rig.all_is_settled().await?;
    rig.site.stop().await
}
