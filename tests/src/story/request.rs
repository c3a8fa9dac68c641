//! From an empty broker to a grant: project, request, decision, on capacity that the operator has
//! opened and finance has priced.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use record::{Clock, id};
use serde_json::{Value, json};
use uuid::Uuid;

use super::People;
use super::capacity::Gpus;
use crate::site::{ACCOUNT, PROJECT, Site};

/// What the story's grant allows.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// GPU-seconds granted.
    pub gpu_seconds: i64,
    /// Ceiling in µSEK.
    pub usek: i64,
    /// Longest job.
    pub max_wall_time_s: i64,
    /// Most GPUs of one job.
    pub max_gpus: i64,
    /// How long from now the grant is valid.
    pub valid_for: TimeDelta,
}

/// A grant with room for everything the story does.
pub const TERMS: Terms = Terms {
    gpu_seconds: 100 * 3600,
    usek: 50_000_000_000,
    max_wall_time_s: 4 * 3600,
    max_gpus: 8,
    valid_for: TimeDelta::days(30),
};

/// Price of the story: 25 kronor per GPU-hour.
pub const PRICE_USEK: i64 = 25_000_000;

/// What the story got.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The project.
    pub project_id: Uuid,
    /// The fund it draws on.
    pub fund_id: Uuid,
    /// The pool its time comes from.
    pub pool_id: Uuid,
    /// The request that was approved.
    pub request_id: Uuid,
    /// The grant.
    pub grant_id: Uuid,
}

/// Plays the story up to the grant.
pub(super) async fn until_granted(site: &Site, people: &People, terms: &Terms) -> Result<Granted> {
    let cluster = site.cluster_name();
    let gpus = Gpus { cluster: &cluster, class: "h200", partition: "confidential" };
    let fund_id = people.open_fund().await?;
    let pool_id = people.open_pool(fund_id, gpus).await?;
    people.price(&[gpus]).await?;
    let (project_id, request_id, grant_id) = (id::fresh(), id::fresh(), id::fresh());
    let new = NewProject {
        slug: PROJECT,
        title: TITLE,
        data_class: "confidential",
        slurm_account: ACCOUNT,
    };
    create_project(people, project_id, &new).await?;
    let granted = Granted { project_id, fund_id, pool_id, request_id, grant_id };
    grant(people, &granted, terms, Clock::System.now()).await?;
    Ok(granted)
}

/// What the story's projects are about.
pub(super) const TITLE: &str = "Stroke imaging: earlier answers";

/// How a project of anna's is called, and how protected its data are.
pub(super) struct NewProject<'a> {
    pub(super) slug: &'a str,
    pub(super) title: &'a str,
    pub(super) data_class: &'a str,
    pub(super) slurm_account: &'a str,
}

pub(super) async fn create_project(
    people: &People,
    project_id: Uuid,
    new: &NewProject<'_>,
) -> Result<()> {
    let project = json!({
        "project_id": project_id,
        "agency_id": people.agency_id,
        "slug": new.slug,
        "title": new.title,
        "data_class": new.data_class,
        "controller_login": people.controller.login,
        "slurm_account": new.slurm_account,
    });
    people.anna.post("/v1/projects", &project).await?;
    Ok(())
}

/// Anna asks and the decider approves.
pub(super) async fn grant(
    people: &People,
    granted: &Granted,
    terms: &Terms,
    now: DateTime<Utc>,
) -> Result<()> {
    let path = format!("/v1/projects/{}/requests", granted.project_id);
    people.anna.post(&path, &request(granted, &TERMS, now)).await?;
    let path = format!("/v1/requests/{}/approval", granted.request_id);
    people.decider.post(&path, &approval(granted, terms, now)).await?;
    Ok(())
}

/// What anna asks for: as much as these terms give.
pub(super) fn request(granted: &Granted, terms: &Terms, now: DateTime<Utc>) -> Value {
    json!({
        "request_id": granted.request_id,
        "purpose": "Train a model that finds strokes earlier",
        "class": "h200",
        "gpu_seconds": terms.gpu_seconds,
        "gpus_at_once": terms.max_gpus,
        "longest_run_s": terms.max_wall_time_s,
        "from": now,
        "until": now + terms.valid_for,
        "pattern": "data_to_compute",
    })
}

pub(super) fn approval(granted: &Granted, terms: &Terms, now: DateTime<Utc>) -> Value {
    let scores: Vec<Value> = ["societal_benefit", "security", "need", "feasibility"]
        .iter()
        .map(|criterion| json!({ "criterion": criterion, "points": 4 }))
        .collect();
    json!({
        "decision_id": id::fresh(),
        "scores": scores,
        "motivation": "High benefit for patients; the data stays protected.",
        "grant": {
            "grant_id": granted.grant_id,
            "pool_id": granted.pool_id,
            "gpu_seconds": terms.gpu_seconds,
            "usek": terms.usek,
            "valid_from": now - TimeDelta::minutes(1),
            "valid_until": now + terms.valid_for,
            "max_wall_time_s": terms.max_wall_time_s,
            "max_gpus": terms.max_gpus,
        },
    })
}
