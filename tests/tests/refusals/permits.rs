//! Permits that do not allow what is asked: the job plan, or the link that would bring the data.

use anyhow::Result;
use chrono::{DateTime, Utc};
use record::id;
use serde_json::{Value, json};
use testbed::site::until_some;
use testbed::story::{DATASET, ENVIRONMENT, Granted, TERMS};
use uuid::Uuid;

use crate::stage::{BOUND, Stage, get, in_seconds, is_refused, job_plans, post};

/// A confidential project computes only under a permit that holds and names the person.
pub(crate) async fn what_a_permit_allows(stage: &mut Stage) -> Result<()> {
    let anna = stage.story.people.anna.clone();
    let plan = stage.plan().body;

    let none = stage.story.granted_beside("no-permit", "confidential", &TERMS).await?;
    let sent = post(&anna, job_plans(&none), plan.clone());
    stage.refuses(sent, 409, "permit_missing", &["has no permit", "recorded first"]).await?;

    let other = stage.story.granted_beside("other-person", "confidential", &TERMS).await?;
    let permit_id = permit(stage, &other, "bertil", in_seconds(-60), in_seconds(3600)).await?;
    let permit = permit_id.to_string();
    let sent = post(&anna, job_plans(&other), plan.clone());
    stage.refuses(sent, 409, "person_not_in_permit", &[&permit, "does not name you"]).await?;

    let early = stage.story.granted_beside("permit-to-come", "confidential", &TERMS).await?;
    permit_for_anna(stage, &early, in_seconds(3600), in_seconds(7200)).await?;
    let sent = post(&anna, job_plans(&early), plan.clone());
    stage.refuses(sent, 409, "permit_not_yet_valid", &["not valid before 20"]).await?;

    let short = stage.story.granted_beside("permit-short", "confidential", &TERMS).await?;
    permit_for_anna(stage, &short, in_seconds(-60), in_seconds(60)).await?;
    let sent = post(&anna, job_plans(&short), plan.clone());
    let words = ["before a job of 2 min could", "shorter wall time"];
    stage.refuses(sent, 409, "permit_ends_too_soon", &words).await?;

    let late = stage.story.granted_beside("permit-over", "confidential", &TERMS).await?;
    permit_for_anna(stage, &late, in_seconds(-60), in_seconds(2)).await?;
    let quotes = format!("/v1/projects/{}/quotes", late.project_id);
    until_some(&stage.site, "the permit to be over", BOUND, async || {
        let quoted = anna.send(reqwest::Method::POST, &quotes, Some(&plan)).await?;
        Ok((quoted.body["error"]["code"] == "permit_expired").then_some(()))
    })
    .await?;
    let sent = post(&anna, job_plans(&late), plan.clone());
    stage.refuses(sent, 409, "permit_expired", &["expired on 20", "renew it"]).await?;

    all_reasons_are_told_at_once(stage, plan).await
}

/// Whoever lacks both a permit and a grant hears of both.
async fn all_reasons_are_told_at_once(stage: &mut Stage, plan: Value) -> Result<()> {
    let anna = stage.story.people.anna.clone();
    let bare = stage.story.project_beside("neither", "confidential").await?;
    let response = anna.send(reqwest::Method::POST, &job_plans(&bare), Some(&plan)).await?;
    is_refused("a plan without anything", &response, 409, "permit_missing", &["no grant"])?;
    let reasons = &response.body["error"]["reasons"];
    let codes = [&reasons[0]["code"], &reasons[1]["code"]];
    anyhow::ensure!(codes == ["permit_missing", "no_grant"], "{reasons}");
    Ok(())
}

/// A link is opened only for what the permit covers, and only from where it says.
pub(crate) async fn what_a_link_may_bring(stage: &mut Stage) -> Result<()> {
    let people = stage.story.people.clone();
    let links = format!("/v1/projects/{}/links", stage.story.granted.project_id);
    let elsewhere = stage.story.granted_beside("elsewhere", "confidential", &TERMS).await?;
    let foreign = permit_for_anna(stage, &elsewhere, in_seconds(-60), in_seconds(3600)).await?;
    let environments = people.anna.get("/v1/environments").await?;
    let link = json!({
        "link_id": id::fresh(),
        "permit_id": stage.story.permit_id,
        "dataset": DATASET,
        "environment_id": environments[0]["environment_id"],
        "source_path": DATASET,
        "allowed_types": ["csv"],
        "max_bytes": 1_000_000,
    });
    let cases: [(&str, Value, u16, &str, &[&str]); 6] = [
        ("dataset", json!("all-of-it"), 409, "dataset_not_in_permit", &["all-of-it"]),
        ("permit_id", json!(foreign), 409, "permit_of_another_project", &["own"]),
        ("permit_id", json!(id::fresh()), 409, "permit_missing", &["permit"]),
        ("environment_id", json!(id::fresh()), 404, "environment_unknown", &["ask the operator"]),
        ("source_path", json!("../../etc"), 422, "link_source_path", &["refused"]),
        ("max_bytes", json!(0), 422, "link_bounds", &["refused"]),
    ];
    for (field, value, status, code, words) in cases {
        let mut body = link.clone();
        body[field] = value;
        stage.refuses(post(&people.anna, &links, body), status, code, words).await?;
    }
    let sent = post(&people.bertil, &links, link);
    stage.refuses(sent, 403, "not_a_member", &["not a member"]).await
}

/// A new member is not in the permit, and then not on the cluster.
pub(crate) async fn whom_a_permit_names(stage: &mut Stage) -> Result<()> {
    let people = stage.story.people.clone();
    let granted = stage.story.granted_beside("two-members", "confidential", &TERMS).await?;
    let project = format!("/v1/projects/{}", granted.project_id);
    let sent = get(&people.bertil, &project);
    stage.refuses(sent, 404, "not_found", &["not yours to see"]).await?;

    people.anna.post(&format!("{project}/members"), &json!({ "login": "bertil" })).await?;
    permit_for_anna(stage, &granted, in_seconds(-60), in_seconds(3600)).await?;
    let plan = stage.plan().body;
    let sent = post(&people.bertil, job_plans(&granted), plan.clone());
    stage.refuses(sent, 409, "person_not_in_permit", &["does not name you"]).await?;

    permit(stage, &granted, "bertil", in_seconds(-60), in_seconds(3600)).await?;
    let sent = post(&people.bertil, job_plans(&granted), plan);
    stage.refuses(sent, 409, "no_posix_account", &["two-members", "ask the operator"]).await
}

/// From the moment of a revocation nothing new starts on what the permit's link brought.
pub(crate) async fn a_revoked_permit(stage: &mut Stage) -> Result<()> {
    let people = stage.story.people.clone();
    let revocation = format!("/v1/permits/{}/revocation", stage.story.permit_id);
    let why = json!({ "why": "the authority withdrew it" });
    let sent = post(&people.anna, &revocation, why.clone());
    stage.refuses(sent, 403, "role_not_allowed", &["controller"]).await?;

    people.controller.post(&revocation, &why).await?;
    let permit = stage.story.permit_id.to_string();
    let plan = stage.plan_with_data();
    let sent = post(&people.anna, plan.path(&stage.story), plan.body);
    stage.refuses(sent, 409, "permit_revoked", &[&permit, "data controller"]).await
}

async fn permit_for_anna(
    stage: &Stage,
    of: &Granted,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
) -> Result<Uuid> {
    permit(stage, of, "anna", valid_from, valid_until).await
}

/// The controller records a permit that names one person.
async fn permit(
    stage: &Stage,
    of: &Granted,
    person: &str,
    valid_from: DateTime<Utc>,
    valid_until: DateTime<Utc>,
) -> Result<Uuid> {
    let permit_id = id::fresh();
    let body = json!({
        "permit_id": permit_id,
        "issuer": "Stand-in health data access body",
        "reference": "HDAB 2026/118",
        "purpose": "Earlier stroke diagnosis",
        "datasets": [DATASET],
        "persons": [person],
        "environments": [ENVIRONMENT],
        "valid_from": valid_from,
        "valid_until": valid_until,
    });
    let path = format!("/v1/projects/{}/permits", of.project_id);
    stage.story.people.controller.post(&path, &body).await?;
    Ok(permit_id)
}
