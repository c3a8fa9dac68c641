//! `demo`: the main job from request to invoice draft, on a real Slurm cluster of its own.
//!
//! With `--exit` it ends after the story and prints one JSON object as its last line. Without, it
//! stays up, says where the pages are and how to log in as each role, and Ctrl-C ends everything.

use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::{Value, json};
use testbed::site::Site;
use testbed::story::{Outcome, Story, TERMS};

/// Runs the main job on a private, real Slurm cluster.
#[derive(Parser)]
struct Arguments {
    /// End after the story instead of staying up.
    #[arg(long)]
    exit: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    say("starting MariaDB, slurmdbd, slurmctld, one node with 8 device files, sshd, mimerd …");
    let site = Site::real(1).await.context("starting the installation")?;
    let outcome = tokio::select! {
        outcome = play(&site, arguments.exit) => outcome,
        ended = testbed::poll::end_asked_for() => ended.map(|()| None),
    };
    say("stopping everything …");
    site.stop().await?;
    if let Some(result) = outcome? {
        println!("{result}");
    }
    Ok(())
}

/// Plays the story; the result is what `--exit` prints last.
async fn play(site: &Site, exit: bool) -> Result<Option<Value>> {
    say("an agency asks for GPU time, a decider grants it, a controller records the permit …");
    let story = Story::begin(site, &TERMS).await?;
    let plan = story.plan(site);
    let admitted = plan.submit(&story, &story.people.anna).await?;
    say(&format!(
        "Slurm job {} is admitted: {} GPU-seconds are held; it waits for its data …",
        admitted["slurm_job_id"], admitted["held_gpu_seconds"]
    ));
    let outcome = Outcome::of(site, &story, &plan).await?;
    let result = compare(site, &outcome).await?;
    say(&format!(
        "the job ended {}: {} GPU-seconds charged, invoice draft {} öre",
        outcome.slurm_state, outcome.gpu_seconds_charged, outcome.invoice_draft_ore
    ));
    if exit {
        return Ok(Some(result));
    }
    tell_how_to_log_in(site, &story);
    testbed::poll::end_asked_for().await?;
    Ok(None)
}

/// Holds what the broker says against what Slurm's own tools say.
async fn compare(site: &Site, outcome: &Outcome) -> Result<Value> {
    let rows = site.cluster()?.sacct_rows(outcome.slurm_job_id).await?;
    ensure!(rows.len() == 1, "sacct shows {} rows for one job", rows.len());
    let gpu_seconds_slurmdbd = rows[0].gpu_seconds();
    ensure!(
        gpu_seconds_slurmdbd == outcome.gpu_seconds_charged,
        "slurmdbd has {gpu_seconds_slurmdbd} GPU-seconds, the broker charged {}",
        outcome.gpu_seconds_charged
    );
    ensure!(outcome.ledger_verified, "the record is not whole: see `mimer audit verify`");
    ensure!(outcome.link_verified, "the link was not verified");
    Ok(json!({
        "slurm_job_id": outcome.slurm_job_id,
        "partition": rows[0].partition,
        "state": rows[0].state,
        "gpu_seconds_slurmdbd": gpu_seconds_slurmdbd,
        "gpu_seconds_charged": outcome.gpu_seconds_charged,
        "ledger_verified": outcome.ledger_verified,
        "segments": outcome.segments,
        "link_verified": outcome.link_verified,
        "invoice_draft_ore": outcome.invoice_draft_ore,
        "simulated": site.simulated(),
    }))
}

fn tell_how_to_log_in(site: &Site, story: &Story) {
    println!("\nThe pages:  {}", site.address());
    println!("The certificate to trust:  {}", site.ca_file().display());
    println!("Simulated here:  {}\n", site.simulated().join("; "));
    println!("{:<14} {:<10} access key", "role", "login");
    for (role, person) in story.people.by_role() {
        println!("{role:<14} {:<10} {}", person.login, person.key);
    }
    println!(
        "\nFrom a terminal:  mimer login --server {} --ca {}\n\nCtrl-C ends everything.",
        site.address(),
        site.ca_file().display()
    );
}

fn say(what: &str) {
    eprintln!("demo: {what}");
}
