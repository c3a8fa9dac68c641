//! Many clients race for one small grant on the real cluster: never above it, and all agree at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use record::id;
use serde_json::json;
use testbed::site::{ACCOUNT, Person, number, until_some};
use testbed::story::sealed_verdict;

use super::rig::{BOUND, Rig, body};

const CLIENTS: u64 = 64;
/// Of the clients' choices. What they race for is decided by the machine, not by them.
const SEED: u64 = 7;
/// Attempts of all clients together; the ledger's own race has its 10,000 in any case.
const ATTEMPTS: u64 = 10_000;
/// The grant has room for exactly so many holds of one GPU for a minute, with its grace.
const ROOM: i64 = 12;
const HOLD: i64 = 60 + 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_attempts_never_exceed_the_grant() -> Result<()> {
    let rig = Arc::new(Rig::begin(1, &json!({ "mode": "none" }), ROOM * HOLD).await?);
    let done = Arc::new(AtomicBool::new(false));
    let checker = tokio::spawn(check(Arc::clone(&rig), Arc::clone(&done)));
    let left = Arc::new(AtomicU64::new(ATTEMPTS));
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let person = rig.people.anna.clone();
        let (path, left) = (rig.plans(), Arc::clone(&left));
        clients.spawn(race(person, path, left, Dice(SEED ^ (client << 32))));
    }
    let mut admitted = 0;
    while let Some(ended) = clients.join_next().await {
        admitted += ended??;
    }
    ensure!(admitted > ROOM, "holds were given back and taken again: {admitted}");
    until_some(&rig.site, "every hold to be closed", BOUND * 2, async || {
        let balance = rig.balance().await?;
        Ok((number(&balance, "held")? == 0).then_some(()))
    })
    .await?;
    done.store(true, Ordering::Relaxed);
    let looks = checker.await??;
    ensure!(looks > 10, "the balances were looked at while the race went on: {looks}");

    let balance = rig.balance().await?;
    let told = number(&balance, "settled")? + number(&balance, "overrun")?;
    let rows = rig.site.cluster()?.sacct_rows_of_account(ACCOUNT).await?;
    let in_slurm: i64 = rows.iter().map(testbed::slurm::SacctRow::gpu_seconds).sum();
    ensure!(told == in_slurm, "ledger {told}, slurmdbd {in_slurm} GPU-seconds");
    let verdict = sealed_verdict(&rig.site, &rig.people.finance).await?;
    ensure!(verdict["whole"] == true, "the ledger and its balances agree: {verdict}");
    let rig = Arc::into_inner(rig).context("the rig is still in use")?;
    rig.site.stop().await
}

/// Choices that a seed repeats: SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from((mixed ^ (mixed >> 31)) % u64::from(sides)).unwrap_or(0)
    }
}

/// One client: plans, and now and then cancels what was admitted. Returns how many were.
async fn race(person: Person, path: String, left: Arc<AtomicU64>, mut dice: Dice) -> Result<i64> {
    let mut admitted = 0;
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
        let job_plan_id = id::fresh();
        let plan = body(job_plan_id, 1, dice.below(2), 60);
        let answer = person.send(reqwest::Method::POST, &path, Some(&plan)).await?;
        if answer.status >= 300 {
            let code = answer.body["error"]["code"].as_str().unwrap_or_default().to_owned();
            let full = ["not_enough_gpu_seconds", "hold_not_enough_gpu_seconds"];
            ensure!(full.contains(&code.as_str()), "refused for another reason: {}", answer.body);
            continue;
        }
        admitted += 1;
        if dice.below(3) == 0 {
            let cancel = format!("/v1/job-plans/{job_plan_id}/cancellation");
            let answer = person.send(reqwest::Method::POST, &cancel, None).await?;
            // 409: it is over already.
            ensure!([202, 409].contains(&answer.status), "{:?}", answer);
        }
    }
    Ok(admitted)
}

/// Looks at the committed balance until the race is done; returns how often.
async fn check(rig: Arc<Rig>, done: Arc<AtomicBool>) -> Result<u64> {
    let mut looks = 0;
    while !done.load(Ordering::Relaxed) {
        let balance = rig.balance().await?;
        for (unit, granted) in [("", ROOM * HOLD), ("_usek", 50_000_000_000)] {
            let held = number(&balance, &format!("held{unit}"))?;
            let settled = number(&balance, &format!("settled{unit}"))?;
            ensure!(held + settled <= granted, "above the grant: {balance}");
        }
        looks += 1;
    }
    Ok(looks)
}
