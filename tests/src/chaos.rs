//! Chaos: many short jobs on a real cluster, while a seed has everything but the nodes killed with -9
//! and started again, and the wire between broker and gateway cut and slowed.
//!
//! The seed repeats the choices, not the instants: two runs of one seed do the same things to
//! installations that were not in the same state.
//!
//! What must hold in the end: one Slurm job for each plan, every hold closed, the ledger equal to
//! slurmdbd to the GPU-second, and no script started twice unseen. See [`Report`].

mod books;
mod client;
mod dice;
mod evidence;
mod fault;
mod forgotten;
mod ground;
mod lost;
mod operator;
mod play;
mod report;
mod settle;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use client::{Answered, Client};
use dice::Dice;
use fault::Deck;
use ground::Ground;
pub use lost::{Round, lose_submissions};
use report::Findings;
pub use report::Report;

use crate::poll;
use crate::site::number;
use crate::story::sealed_verdict;

/// Clients that send plans at the same time.
const CLIENTS: usize = 8;

/// How long after everything is settled a second start may be told.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// Longest pause between two plans of one client, in milliseconds.
const PAUSE_MS: u64 = 8_000;

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Plans in all.
    pub jobs: usize,
    /// Of every choice.
    pub seed: u64,
    /// A directory that is given every log in the end; without one they are gone with the rest.
    pub logs: Option<PathBuf>,
}

/// Breaks an installation of its own and tells what it came to. What went wrong with the run itself
/// is an error; a promise that was not kept stands in the report.
pub async fn run(plan: Plan) -> Result<Report> {
    say(&format!("{} jobs, seed {}", plan.jobs, plan.seed));
    let mut ground = Ground::lay(None).await.context("laying the ground")?;
    let report = tokio::select! {
        report = on(&mut ground, &plan) => report,
        ended = crate::poll::end_asked_for() => ended.and_then(|()| anyhow::bail!("interrupted")),
    };
    if let Some(dir) = &plan.logs {
        ground.keep_logs(dir)?;
    }
    ground.leave().await?;
    report
}

async fn on(ground: &mut Ground, plan: &Plan) -> Result<Report> {
    let mut dice = Dice::new(plan.seed);
    let mut deck = Deck::new(dice.split());
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let client = Client {
            doors: ground.doors()?,
            path: ground.plans(),
            numbers: (client..plan.jobs).step_by(CLIENTS).collect(),
            pause_ms: PAUSE_MS,
            some_fail: true,
            dice: dice.split(),
        };
        clients.spawn(client.send_all());
    }
    // Until most have started, so that every stage of a job's life meets its faults.
    let most = plan.jobs * 2 / 3;
    let longest = Duration::from_secs(60 + 2 * plan.jobs as u64);
    let toll = play::until_enough(ground, &mut deck, |ground| {
        Ok(ground.evidence()?.len() >= most || begun.elapsed() > longest)
    })
    .await?;
    say(&format!("the faults stop after {:.1} s", begun.elapsed().as_secs_f64()));

    let (plans, requests) = answers(&mut clients).await?;
    say(&format!("{} plans were answered, in {requests} requests", plans.len()));
    ensure!(plans.len() == plan.jobs, "every client sent all of its plans");
    settle::settle(ground).await?;
    // What nodes saw is compared with what Slurm tells half a minute after a start, so what started
    // twice at the very end is told soon after it. The report judges what there is then.
    let told = poll::until("second starts to be told", TOLD_WITHIN, async || {
        let shown = second_starts_shown(ground).await?;
        let evidence = ground.evidence()?;
        let mut twice = evidence.iter().filter(|(_, said)| said.starts.len() > 1);
        Ok(twice.all(|(job_id, _)| shown.contains(job_id)))
    });
    if let Err(error) = told.await {
        say(&format!("{error:#}"));
    }
    findings(ground, plans, toll).await?.report()
}

async fn answers(
    clients: &mut JoinSet<Result<(Vec<Answered>, usize)>>,
) -> Result<(Vec<Answered>, usize)> {
    let (mut plans, mut requests) = (Vec::new(), 0);
    while let Some(ended) = clients.join_next().await {
        let (answered, sent) = ended??;
        plans.extend(answered);
        requests += sent;
    }
    Ok((plans, requests))
}

async fn findings(ground: &Ground, plans: Vec<Answered>, toll: play::Toll) -> Result<Findings> {
    let job_ids: Vec<u32> = plans.iter().map(|plan| plan.slurm_job_id).collect();
    let books = books::read(ground.site.cluster()?, &job_ids).await?;
    let balance = ground.balance().await?;
    let not_charged =
        "select coalesce(sum(gpu_seconds), 0)::bigint from accounting.run where not chargeable";
    let open_holds = "select count(*) from accounting.hold where state = 'open'";
    let verdict = sealed_verdict(&ground.site, &ground.people.finance).await?;
    Ok(Findings {
        plans,
        books,
        evidence: ground.evidence()?,
        forgotten: forgotten::read(&ground.site.cluster()?.dir().join("log"))?,
        shown: second_starts_shown(ground).await?,
        toll,
        open_holds: ground.number(open_holds).await?.max(i64::from(balance.held > 0)),
        settled: balance.settled,
        overrun: balance.overrun,
        not_charged: ground.number(not_charged).await?,
        ledger: ground.ledger().await?,
        ledger_verified: verdict["whole"] == true,
    })
}

/// The jobs that the broker tells a second start of.
async fn second_starts_shown(ground: &Ground) -> Result<BTreeSet<u32>> {
    let exceptions = ground.people.operator.get("/v1/exceptions").await?;
    let shown = exceptions.as_array().context("exceptions are a list")?.iter();
    let shown = shown.filter(|exception| exception["kind"] == "second_start");
    shown.map(|one| Ok(u32::try_from(number(one, "slurm_job_id")?)?)).collect()
}

fn say(what: &str) {
    eprintln!("chaos: {what}");
}
