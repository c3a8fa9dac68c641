//! What watching costs while ten thousand jobs wait: CPU of mimerd, of the gateway's processes and of
//! slurmctld, with the watcher at a poll of two seconds and without it, in turns on one cluster.
//!
//! CPU is what each process used by `/proc/PID/stat`, in per cent of one core. "Without" is a mimerd
//! whose watcher looks once at its start and then not again; all its other duties run in both.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::{load, percentile, rounded};
use crate::poll;
use crate::site::Site;
use crate::story::{Story, TERMS, Terms};

/// Jobs that wait.
const JOBS: usize = 10_000;
/// Clients that submit them.
const CLIENTS: usize = 16;
/// Rounds in which each kind takes its turn.
const ROUNDS: usize = 2;
/// How long one turn is measured.
const TURN: Duration = Duration::from_secs(60);
/// How long mimerd runs before it is measured: its first look takes everything in.
const SETTLES: Duration = Duration::from_secs(20);
/// Two seconds between two looks, and an hour, which is none within a turn.
const POLLS: [(&str, u64); 2] = [("with", 2_000), ("without", 3_600_000)];
const DUTIES: &str = "[duties]";
const BOUND: Duration = Duration::from_secs(1_800);
/// The unit of `/proc/PID/stat`: a hundredth of a second on every Linux that Rust runs on.
const TICKS_PER_S: f64 = 100.0;

/// Measures; `is_small` only tries the bench itself.
pub async fn watch(is_small: bool) -> Result<Value> {
    let (jobs, rounds, turn) =
        if is_small { (200, 1, Duration::from_secs(10)) } else { (JOBS, ROUNDS, TURN) };
    let mut site = Site::real(1).await?;
    let terms = Terms { gpu_seconds: 400 * 3_600, ..TERMS };
    let story = Story::begin(&site, &terms).await?;
    drain(&site)?;
    fill(&site, &story, jobs).await?;
    let config = fs::read_to_string(site.config_file())?;
    ensure!(config.contains(DUTIES), "mimerd's configuration has its {DUTIES}");
    let mut used: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    let mut memory: BTreeMap<&str, f64> = BTreeMap::new();
    for round in 0..rounds {
        for (word, watch_ms) in POLLS {
            // Killed, not stopped: what it knew of Slurm is gone, and it begins with everything.
            site.kill_mimerd(0)?;
            let duties = format!("{DUTIES}\nwatch_ms = {watch_ms}");
            fs::write(site.config_file(), config.replace(DUTIES, &duties))?;
            site.start_mimerd(0).await?;
            tokio::time::sleep(SETTLES).await;
            let groups = groups(&mut site)?;
            let (before, begun) = (ticks(&groups), Instant::now());
            tokio::time::sleep(turn).await;
            let (after, took) = (ticks(&groups), begun.elapsed().as_secs_f64());
            for (group, pids) in &groups {
                let ticks = after[group] - before[group];
                let per_cent = 100.0 * ticks / TICKS_PER_S / took;
                used.entry((word, group)).or_default().push(per_cent);
                let most = memory.entry(group).or_default();
                *most = most.max(pids.iter().map(|pid| rss_mib(*pid)).sum());
                eprintln!("round {round}: {word} the watcher, {group} {per_cent:.2} % of a core");
            }
        }
    }
    let waiting = waiting(&mut load::owner(&site).await?).await?;
    site.stop().await?;
    let mut report = Map::new();
    report.insert("bench".to_owned(), json!("watch"));
    report.insert("jobs_waiting".to_owned(), json!(waiting));
    report.insert("poll_ms".to_owned(), json!(POLLS[0].1));
    for ((word, group), mut per_cents) in used {
        let median = rounded(percentile(&mut per_cents, 50), 2);
        report.insert(format!("cpu_percent_{group}_{word}"), json!(median));
    }
    for (group, mib) in memory {
        report.insert(format!("rss_mib_{group}"), json!(rounded(mib, 1)));
    }
    Ok(Value::Object(report))
}

/// No node takes jobs: what is released waits.
fn drain(site: &Site) -> Result<()> {
    let cluster = site.cluster()?;
    let nodes = cluster.node_names().join(",");
    let output = cluster
        .command("scontrol")
        .args(["update", &format!("nodename={nodes}"), "state=drain", "reason=bench"])
        .output()?;
    ensure!(output.status.success(), "scontrol: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Submits the jobs through the API and waits until all of them are free to start.
async fn fill(site: &Site, story: &Story, jobs: usize) -> Result<()> {
    load::submit(site, story, (jobs, CLIENTS), "#!/bin/sh\ntrue\n").await?;
    let mut owner = load::owner(site).await?;
    let all = i64::try_from(jobs)?;
    poll::until("every job to wait in Slurm", BOUND, async || Ok(waiting(&mut owner).await? >= all))
        .await
}

async fn waiting(owner: &mut PgConnection) -> Result<i64> {
    let count = "select count(*) from broker.attempt
                 where state = 'released' and slurm_state = 'PENDING'";
    Ok(sqlx::query_scalar(count).fetch_one(owner).await?)
}

/// The processes of each program, by what the report calls it.
fn groups(site: &mut Site) -> Result<BTreeMap<&'static str, Vec<i32>>> {
    let slurmctld = i32::try_from(site.cluster_mut()?.daemon("slurmctld")?.pid())?;
    let dir = site.dir().to_owned();
    let all = processes();
    let called = |name: &str| -> Vec<i32> {
        let is = |line: &str| {
            let program = line.split('\0').next().unwrap_or_default();
            Path::new(program).file_name().is_some_and(|file| file.to_string_lossy() == name)
                && line.contains(&*dir.to_string_lossy())
        };
        all.iter().filter(|process| is(&process.line)).map(|process| process.pid).collect()
    };
    let (mimerd, gateway) = (called("mimerd"), called("mimer-slurm-gateway"));
    ensure!(mimerd.len() == 1, "one mimerd, not {mimerd:?}");
    ensure!(!gateway.is_empty(), "no gateway was found");
    let postgres: Vec<i32> =
        with_children(&mimerd, &all).into_iter().filter(|pid| !mimerd.contains(pid)).collect();
    Ok(BTreeMap::from([
        ("mimerd", mimerd),
        ("postgres", postgres),
        ("gateway", with_children(&gateway, &all)),
        ("slurmctld", vec![slurmctld]),
    ]))
}

/// One process, as far as it matters here.
struct Listed {
    pid: i32,
    parent: i32,
    line: String,
}

fn processes() -> Vec<Listed> {
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    all.flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_string_lossy().parse().ok()?;
            let parent = fields(pid)?.get(1)?.parse().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            Some(Listed { pid, parent, line: String::from_utf8_lossy(&line).into_owned() })
        })
        .collect()
}

/// These processes and all that descend from them.
fn with_children(roots: &[i32], all: &[Listed]) -> Vec<i32> {
    let mut found = roots.to_vec();
    loop {
        let before = found.len();
        let more = all.iter().filter(|it| found.contains(&it.parent) && !found.contains(&it.pid));
        let more: Vec<i32> = more.map(|it| it.pid).collect();
        found.extend(more);
        if found.len() == before {
            return found;
        }
    }
}

/// Fields of `/proc/PID/stat` after the name, which stands in brackets and may hold anything.
fn fields(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// What each group has used until now; a process that has ended counts for nothing any more.
fn ticks(groups: &BTreeMap<&'static str, Vec<i32>>) -> BTreeMap<&'static str, f64> {
    let of_one = |pid: &i32| -> f64 {
        let Some(fields) = fields(*pid) else { return 0.0 };
        let field = |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok());
        field(11).unwrap_or_default() + field(12).unwrap_or_default()
    };
    groups.iter().map(|(group, pids)| (*group, pids.iter().map(of_one).sum())).collect()
}

fn rss_mib(pid: i32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1_024.0
}
