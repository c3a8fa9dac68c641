//! The three pages in a real browser, with and without JavaScript, after a real job on a real Slurm.

mod window;

use anyhow::{Context, Result, ensure};
use dashboards::{Language, figure};
use fantoccini::Client;
use record::GpuSeconds;
use reqwest::Method;
use testbed::Browser;
use testbed::site::Site;
use testbed::story::{Outcome, Plan, Story, TERMS};
use window::{keep_picture, log_in, open, text_of};

#[tokio::test]
async fn the_three_pages_show_the_job_its_gpu_hours_and_its_kronor() -> Result<()> {
    let site = Site::real(1).await?;
    let story = Story::begin(&site, &TERMS).await?;
    let plan = story.plan(&site);
    plan.submit(&story, &story.people.anna).await?;
    let outcome = Outcome::of(&site, &story, &plan).await?;

    let browser = Browser::start().await?;
    for (name, javascript) in [("with-javascript", true), ("without-javascript", false)] {
        let client = open(&browser, name, javascript).await?;
        let shown = look_at_pages(&client, &site, &story, &plan, &outcome, name).await;
        client.close().await?;
        shown?;
    }
    browser.stop();
    nobody_gets_the_output(&site, &story, &plan).await?;
    site.stop().await
}

async fn look_at_pages(
    client: &Client,
    site: &Site,
    story: &Story,
    plan: &Plan,
    outcome: &Outcome,
    name: &str,
) -> Result<()> {
    let people = &story.people;
    let charged = GpuSeconds::new(outcome.gpu_seconds_charged).context("never negative")?;
    let hours = figure::gpu_hours_fine(charged, Language::English);
    let rounded = figure::gpu_hours(charged, Language::English);
    let kronor = figure::kronor_from_ore(outcome.invoice_draft_ore, Language::English);
    let job = outcome.slurm_job_id.to_string();

    log_in(client, site, &people.anna).await?;
    let page = format!("/jobs/{}", plan.job_plan_id);
    read_page(client, site, &page, name, &[&job, "confidential", &hours, &kronor]).await?;
    let page = format!("/projects/{}", story.granted.project_id);
    read_page(client, site, &page, name, &[&job, &rounded]).await?;

    log_in(client, site, &people.operator).await?;
    read_page(client, site, "/operator", name, &["h200", &rounded]).await?;

    log_in(client, site, &people.finance).await?;
    read_page(client, site, "/finance", name, &["Region Exempel", &job, &hours, &kronor]).await
}

/// Opens a page and looks for every text on it; a picture of it is kept when asked for.
async fn read_page(
    client: &Client,
    site: &Site,
    path: &str,
    name: &str,
    expected: &[&str],
) -> Result<()> {
    let text = text_of(client, site, path).await?;
    for wanted in expected {
        ensure!(text.contains(&wanted.replace('\u{a0}', " ")), "{path}: no `{wanted}` in\n{text}");
    }
    ensure!(
        text.contains("simulated") || text.contains("Simulated"),
        "{path} hides the simulation"
    );
    let file = path.split('/').nth(1).unwrap_or("home");
    keep_picture(client, &format!("{file}-{name}")).await
}

/// The job did write its output; it lies in the project's area, closed to others, and no route and
/// no page gives it to anybody.
async fn nobody_gets_the_output(site: &Site, story: &Story, plan: &Plan) -> Result<()> {
    let secret = plan.secret();
    let work = site.area().join("work");
    let outputs: Vec<String> = std::fs::read_dir(&work)?
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok())
        .collect();
    ensure!(outputs.iter().any(|text| text.contains(&secret)), "the job wrote no output");

    let project = story.granted.project_id.to_string();
    let ids = [
        ("{project_id}", project.as_str()),
        ("{job_plan_id}", &plan.job_plan_id.to_string()),
        ("{link_id}", &story.link_id.to_string()),
        ("{agency_id}", &story.people.agency_id.to_string()),
    ]
    .map(|(name, id)| (name, id.to_owned()));
    let document = story.people.anna.get("/openapi.json").await?;
    let paths = document["paths"].as_object().context("paths of the document")?;
    let mut asked = 0;
    for (_, person) in story.people.by_role() {
        for (path, methods) in paths {
            if methods.get("get").is_none() {
                continue;
            }
            let path = ids.iter().fold(path.clone(), |path, (name, id)| path.replace(name, id));
            let path = path.replace("{month}", "2027-03");
            let answer = person.send(Method::GET, &path, None).await?;
            ensure!(!answer.body.to_string().contains(&secret), "{path} gives the output away");
            asked += 1;
        }
    }
    ensure!(asked > 50, "only {asked} requests were tried");
    Ok(())
}
