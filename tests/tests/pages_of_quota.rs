//! The pages of the quota and of crisis mode in a real browser without JavaScript, on a running
//! mimerd over the *simulated* Slurm: what is decided through the API is read by those it concerns.

mod window;

use anyhow::{Result, ensure};
use chrono::TimeDelta;
use fantoccini::Client;
use record::{Clock, id};
use reqwest::Method;
use serde_json::json;
use testbed::Browser;
use testbed::site::Site;
use testbed::story::{Story, TERMS};
use uuid::Uuid;
use window::{keep_picture, log_in, open, text_of};

#[tokio::test]
async fn what_was_decided_is_read_on_the_pages_of_those_it_concerns() -> Result<()> {
    let site = Site::fake().await?;
    let story = Story::begin(&site, &TERMS).await?;
    let crisis_id = decide(&story).await?;
    let plan = story.plan(&site);
    plan.submit(&story, &story.people.anna).await?;

    let browser = Browser::start().await?;
    let client = open(&browser, "quota", false).await?;
    let read = read_pages(&client, &site, &story, (plan.job_plan_id, crisis_id)).await;
    client.close().await?;
    browser.stop();
    read?;
    nobody_else_gets_in(&story, crisis_id).await?;
    site.stop().await
}

/// A policy in a dry run, a limit, a share and a crisis that one person has proposed.
async fn decide(story: &Story) -> Result<Uuid> {
    let people = &story.people;
    let agency = people.agency_id;
    let policy = json!({
        "limit_policy_id": id::fresh(),
        "steps": [{"at_percent": 80, "action": "warn"}, {"at_percent": 100, "action": "stop_new"}],
        "dry_run": true,
        "motivation": "the night runs shall not stop",
    });
    people.decider.post(&format!("/v1/agencies/{agency}/limit-policies"), &policy).await?;
    let limit = json!({ "use_limit_id": id::fresh(), "agency_id": agency, "gpus_at_once": 64 });
    people.operator.post("/v1/use-limits", &limit).await?;
    let share = json!({
        "pool_share_id": id::fresh(), "share": {"mode": "set_aside", "nodes": ["node01"]},
    });
    let pool = story.granted.pool_id;
    people.operator.post(&format!("/v1/pools/{pool}/share"), &share).await?;
    let crisis_id = id::fresh();
    let crisis = json!({
        "crisis_id": crisis_id,
        "project_ids": [story.granted.project_id],
        "ends_at": Clock::System.now() + TimeDelta::hours(1),
        "why": "a landslide",
    });
    people.operator.post("/v1/crises", &crisis).await?;
    Ok(crisis_id)
}

async fn read_pages(
    client: &Client,
    site: &Site,
    story: &Story,
    (job_plan_id, crisis_id): (Uuid, Uuid),
) -> Result<()> {
    let (people, granted) = (&story.people, &story.granted);
    let project = format!("/projects/{}", granted.project_id);
    let agency = format!("/agencies/{}", people.agency_id);
    let fund = format!("/funds/{}", granted.fund_id);
    let crisis = format!("/crises/{crisis_id}");

    log_in(client, site, &people.anna).await?;
    read_page(client, site, &project, &["Why can't I run?", "Region Exempel"]).await?;
    let way = ["The way, step by step", "Membership", "pub_stroke_ai", "Node attestation"];
    read_page(client, site, &format!("{project}/why"), &way).await?;
    let way = ["Looked at for", "anna", "The job", "train-stroke-model"];
    read_page(client, site, &format!("/jobs/{job_plan_id}/why"), &way).await?;
    let policy = ["Dry run", "the night runs shall not stop", "New job plans are refused", "64"];
    read_page(client, site, &agency, &policy).await?;

    log_in(client, site, &people.operator).await?;
    let kept = ["Nodes set aside", "node01", "takes whole nodes, and does so in silence"];
    read_page(client, site, "/operator", &kept).await?;
    read_page(client, site, &crisis, &["Waits for a second person", "a landslide"]).await?;
    read_page(client, site, &fund, &["Research time was not consumed."]).await?;

    // Who may confirm the crisis is told of it where they come in.
    log_in(client, site, &people.decider).await?;
    read_page(client, site, "/", &["Crisis mode", "Waits for a second person", "Funds"]).await
}

async fn read_page(client: &Client, site: &Site, path: &str, expected: &[&str]) -> Result<()> {
    let text = text_of(client, site, path).await?;
    for wanted in expected {
        ensure!(text.contains(wanted), "{path}: no `{wanted}` in\n{text}");
    }
    let place: Vec<&str> =
        path.split('/').filter(|part| part.len() < 36 && !part.is_empty()).collect();
    keep_picture(client, &place.join("-")).await
}

/// Bertil is a colleague without a part in the project; the controller asks for no agency.
async fn nobody_else_gets_in(story: &Story, crisis_id: Uuid) -> Result<()> {
    let people = &story.people;
    let project = story.granted.project_id;
    let agency = people.agency_id;
    for (person, path, status) in [
        (&people.bertil, format!("/projects/{project}/why"), 404),
        (&people.bertil, format!("/agencies/{agency}"), 200),
        (&people.controller, format!("/agencies/{agency}"), 404),
        (&people.decider, format!("/agencies/{}", id::fresh()), 404),
        (&people.anna, format!("/funds/{}", story.granted.fund_id), 403),
        (&people.anna, format!("/crises/{crisis_id}"), 403),
        (&people.finance, "/crises/not-an-id".to_owned(), 404),
    ] {
        let answer = person.send(Method::GET, &path, None).await?;
        ensure!(answer.status == status, "{path} for {}: {}", person.login, answer.status);
    }
    Ok(())
}
