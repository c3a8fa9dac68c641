//! Two mimerd on one PostgreSQL and one real Slurm. One of them, which leads, is killed with -9 in the
//! middle of a hundred submissions: the outcome is the same, and nothing is done twice.

mod ground;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use record::id;
use reqwest::Method;
use serde_json::{Value, json};
use testbed::poll;
use testbed::site::{ACCOUNT, Person, number};
use testbed::slurm::SacctRow;
use tokio::task::JoinSet;

use ground::{BOUND, DUTIES, Ground};

const JOBS: usize = 100;
const CLIENTS: usize = 8;
/// How many are answered when one mimerd is killed.
const KILLED_AFTER: usize = 40;
/// How long one request may take before the client asks the other mimerd.
const PATIENCE: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_dies_among_a_hundred_submissions_and_nothing_is_done_twice() -> Result<()> {
    let mut ground = Ground::lay().await?;
    each_duty_has_one_leader(&ground).await?;

    let answered = Arc::new(AtomicUsize::new(0));
    let mut clients = clients(&ground, &answered)?;
    poll::until("the first submissions", BOUND, async || {
        Ok(answered.load(Ordering::Relaxed) >= KILLED_AFTER)
    })
    .await?;
    let killed = usize::from(!ground.led_by(0).await?.contains(&"watch"));
    let survivor = 1 - killed;
    ground.site.kill_mimerd(killed)?;
    let died_at = Instant::now();
    let mut job_ids = BTreeSet::new();
    while let Some(ended) = clients.join_next().await {
        job_ids.extend(ended??);
    }
    ensure!(job_ids.len() == JOBS, "{} ids for {JOBS} plans", job_ids.len());

    poll::until("the survivor to lead every duty", BOUND, async || {
        Ok(ground.led_by(survivor).await?.len() == DUTIES.len())
    })
    .await?;
    eprintln!("the survivor leads everything {:.1} s after", died_at.elapsed().as_secs_f64());
    until_settled(&ground, survivor).await?;
    the_books_are_right(&ground, survivor, &job_ids).await?;

    // The dead one comes back, and follows.
    ground.site.start_mimerd(killed).await?;
    ground.nothing_is_told_twice().await?;
    ensure!(ground.led_by(killed).await?.is_empty(), "the one that came back does not lead");
    ensure!(ground.led_by(survivor).await?.len() == DUTIES.len());
    ground.site.stop().await
}

/// Each duty is led by one mimerd, and by one only.
async fn each_duty_has_one_leader(ground: &Ground) -> Result<()> {
    poll::until("every duty to be led", BOUND, async || {
        let (first, second) = (ground.led_by(0).await?, ground.led_by(1).await?);
        let both: Vec<_> = first.iter().filter(|duty| second.contains(duty)).collect();
        ensure!(both.is_empty(), "both lead {both:?}");
        Ok(first.len() + second.len() == DUTIES.len())
    })
    .await
}

/// Eight clients that share a hundred plans; each returns Slurm's ids of its own.
fn clients(ground: &Ground, answered: &Arc<AtomicUsize>) -> Result<JoinSet<Result<Vec<u64>>>> {
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (doors, path, answered) = (ground.doors()?, ground.plans(), Arc::clone(answered));
        clients.spawn(async move {
            let mut job_ids = Vec::new();
            for number in (client..JOBS).step_by(CLIENTS) {
                job_ids.push(until_answered(&doors, &path, number).await?);
                answered.fetch_add(1, Ordering::Relaxed);
            }
            Ok(job_ids)
        });
    }
    Ok(clients)
}

/// Sends one plan under one id, to one mimerd and then the other, until it is answered.
async fn until_answered(doors: &[Person; 2], path: &str, number: usize) -> Result<u64> {
    let plan = json!({
        "job_plan_id": id::fresh(), "name": format!("forecast-{number}"),
        "script": "#!/bin/sh\nsleep 1\n", "gpu_count": 1, "wall_time_s": 120, "class": "h200",
        "link_ids": [],
    });
    let begun = Instant::now();
    for turn in number.. {
        let sent = doors[turn % 2].send(Method::POST, path, Some(&plan));
        let said = match tokio::time::timeout(PATIENCE, sent).await {
            Ok(Ok(answer)) if answer.status < 300 => return slurm_job_id(&answer.body),
            Ok(Ok(answer)) if answer.status < 500 => bail!("refused: {}", answer.body),
            Ok(Ok(answer)) => answer.body.to_string(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "nothing".to_owned(),
        };
        ensure!(begun.elapsed() < BOUND, "plan {number} is not answered: {said}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    bail!("plan {number} ran out of turns")
}

fn slurm_job_id(answer: &Value) -> Result<u64> {
    Ok(u64::try_from(number(answer, "slurm_job_id")?)?)
}

async fn until_settled(ground: &Ground, survivor: usize) -> Result<()> {
    let door = &ground.doors()?[survivor];
    let settled = poll::until("every hold to be closed", BOUND, async || {
        Ok(ground.balance(door).await?[0] == 0)
    });
    settled.await.with_context(|| format!("the survivor says:\n{}", ground.site.log_of(survivor)))
}

/// A hundred jobs in Slurm, each once; what they took is what the ledger says; all of it is sealed.
async fn the_books_are_right(
    ground: &Ground,
    survivor: usize,
    job_ids: &BTreeSet<u64>,
) -> Result<()> {
    let rows = ground.site.cluster()?.sacct_rows_of_account(ACCOUNT).await?;
    let in_slurm: BTreeSet<u64> =
        rows.iter().map(|row| Ok(row.job_id.parse()?)).collect::<Result<_>>()?;
    ensure!(rows.len() == JOBS, "{} jobs in Slurm for {JOBS} plans", rows.len());
    ensure!(in_slurm == *job_ids, "Slurm has other jobs than were promised");
    let marks: HashSet<&str> = rows.iter().map(|row| row.admin_comment.as_str()).collect();
    ensure!(marks.len() == JOBS, "a mark was used for two jobs");
    let ended_well = rows.iter().filter(|row| row.state == "COMPLETED").count();
    ensure!(ended_well == JOBS, "{ended_well} of {JOBS} ended well");

    let [held, settled, overrun] = ground.balance(&ground.doors()?[survivor]).await?;
    let taken: i64 = rows.iter().map(SacctRow::gpu_seconds).sum();
    ensure!((held, settled + overrun) == (0, taken), "ledger {settled} + {overrun}, Slurm {taken}");
    let states: Vec<(String, i64)> =
        ground.rows("select state::text, count(*) from broker.attempt group by 1").await?;
    ensure!(states == [("settled".to_owned(), i64::try_from(JOBS)?)], "{states:?}");
    let undone: Vec<(String,)> =
        ground.rows("select effect::text from broker.outbox where done_at is null").await?;
    ensure!(undone.is_empty(), "effects are left: {undone:?}");
    ground.nothing_is_told_twice().await?;

    let finance = ground.site.through(&ground.people.finance, survivor)?;
    poll::until("everything to be sealed", BOUND, async || {
        let verdict = finance.get("/v1/audit/verdict").await?;
        ensure!(verdict["whole"] == true, "the record is not whole: {verdict}");
        Ok(number(&verdict, "unsealed_count")? == 0)
    })
    .await
}
