//! `cluster diff` on a large tree: how long it takes us, and that nothing is written when nothing
//! changed. Slurm is *simulated*, so nearly all of the time is ours.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use broker::cluster::keeper::{self, Pass, Seen};
use broker::cluster::look::look;
use serde_json::{Value, json};
use slurm_wire::{Answer, Call};

use super::ground::Ground;
use super::tree::{Size, Tree};
use super::{percentile, rounded};

/// The tree of the issue: 10,000 grants.
const FULL: Size = Size { agencies: 300, projects: 2_000, grants: 5 };
/// A tenth of everything, to try the bench itself.
const SMALL: Size = Size { agencies: 30, projects: 200, grants: 5 };
/// Looks that are measured.
const LOOKS: usize = 7;
/// Passes of the keeper until everything is written; each takes a minute at most.
const PASSES: usize = 30;

/// Has the keeper write everything, then measures looks and a pass in which nothing changed.
pub async fn diff(is_small: bool) -> Result<Value> {
    let size = if is_small { SMALL } else { FULL };
    let ground = Ground::start(20).await?;
    let begun = Instant::now();
    Tree::grow(&ground, size).await?;
    eprintln!("the tree stands after {:.0} s", begun.elapsed().as_secs_f64());

    let mut first_diff_ms = vec![look_ms(&ground, None).await?];
    let (begun, mut seen) = (Instant::now(), Seen::default());
    for pass in 0.. {
        ensure!(pass < PASSES, "the keeper does not come to an end");
        settled(&ground, &mut seen).await?;
        if look(&ground.app).await?.lines.is_empty() {
            break;
        }
    }
    let first_writes = ground.gateway.policy_writes();
    let apply_s = begun.elapsed().as_secs_f64();
    eprintln!("{first_writes} writes after {apply_s:.0} s; now nothing changes");

    let mut milliseconds = Vec::new();
    let mut reading = Vec::new();
    for _ in 0..LOOKS {
        milliseconds.push(look_ms(&ground, Some(0)).await?);
        let begun = Instant::now();
        let answer = ground.app.gateway.call(&Call::ReadPolicy).await?;
        ensure!(matches!(answer, Answer::Policy(_)), "{answer:?}");
        reading.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    settled(&ground, &mut seen).await?;
    let writes = ground.gateway.policy_writes() - first_writes;
    ground.leave().await?;
    Ok(json!({
        "bench": "diff",
        "agencies": size.agencies,
        "projects": size.projects,
        "grants": size.projects * size.grants,
        "own_ms": rounded(percentile(&mut milliseconds, 50), 0),
        "own_ms_worst": rounded(percentile(&mut milliseconds, 100), 0),
        "read_simulated_slurm_ms": rounded(percentile(&mut reading, 50), 0),
        "first_diff_ms": rounded(percentile(&mut first_diff_ms, 50), 0),
        "first_writes": first_writes,
        "first_apply_s": rounded(apply_s, 1),
        "writes": writes,
    }))
}

/// One look, with the simulated Slurm's answer and its decoding; `lines` are expected.
async fn look_ms(ground: &Ground, lines: Option<usize>) -> Result<f64> {
    let begun = Instant::now();
    let view = look(&ground.app).await?;
    let took = begun.elapsed().as_secs_f64() * 1_000.0;
    let found = view.lines.len();
    ensure!(lines.is_none_or(|lines| lines == found), "{found} lines: {:?}", view.lines.first());
    Ok(took)
}

/// One pass of the keeper, in which nothing may fail.
async fn settled(ground: &Ground, seen: &mut Seen) -> Result<()> {
    match keeper::pass(&ground.app, seen).await? {
        Pass::Done(outcome) => {
            let failed = outcome.failed.first().map(|failed| failed.error.clone());
            ensure!(failed.is_none(), "Slurm did not take a change: {failed:?}");
            Ok(())
        }
        Pass::Busy => Err(anyhow::anyhow!("somebody else keeps this Slurm")).context("a pass"),
    }
}
