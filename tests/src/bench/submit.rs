//! Submissions per second: the gateway against a loop of `sbatch` on the same cluster.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use slurm_wire::{Answer, Call, Hello, JobSpec, PROTOCOL_VERSION, Welcome};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::{percentile, rounded};
use crate::site::{ACCOUNT, Site};

/// Rounds in which both take their turn.
const ROUNDS: u32 = 5;
/// Submissions of each in one round.
const JOBS: u32 = 100;
/// Connections to the gateway at once.
const CONNECTIONS: u32 = 4;

/// Measures both and returns medians over the rounds and their ratio.
pub async fn submit() -> Result<Value> {
    let site = Site::kept_by_hand(1).await?;
    let (mut gateway, mut sbatch) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        gateway.push(through_gateway(&site, 200_000 + round * JOBS).await?);
        sbatch.push(by_sbatch(&site)?);
        eprintln!(
            "round {round}: gateway {:.0}/s, sbatch {:.0}/s",
            gateway[round as usize], sbatch[round as usize]
        );
    }
    site.stop().await?;
    let (gateway_per_s, sbatch_per_s) = (percentile(&mut gateway, 50), percentile(&mut sbatch, 50));
    Ok(json!({
        "bench": "submit",
        "rounds": ROUNDS,
        "jobs_per_round": JOBS,
        "gateway_connections": CONNECTIONS,
        "sbatch_at_once": 1,
        "gateway_per_s": rounded(gateway_per_s, 0),
        "sbatch_per_s": rounded(sbatch_per_s, 0),
        "ratio": rounded(gateway_per_s / sbatch_per_s, 2),
    }))
}

/// Submits [`JOBS`] held jobs over [`CONNECTIONS`] connections; returns jobs per second.
async fn through_gateway(site: &Site, first_id: u32) -> Result<f64> {
    let each = JOBS / CONNECTIONS;
    let started = Instant::now();
    let mut connections = tokio::task::JoinSet::new();
    for connection in 0..CONNECTIONS {
        let socket = site.gateway_socket();
        let from = first_id + connection * each;
        let jobs: Vec<JobSpec> = (from..from + each).map(|id| job(site, id)).collect();
        connections.spawn(async move { submit_all(&socket, jobs).await });
    }
    while let Some(done) = connections.join_next().await {
        done.context("a connection")??;
    }
    Ok(f64::from(each * CONNECTIONS) / started.elapsed().as_secs_f64())
}

async fn submit_all(socket: &std::path::Path, jobs: Vec<JobSpec>) -> Result<()> {
    let (read, mut write) = UnixStream::connect(socket).await?.into_split();
    let mut lines = BufReader::new(read).lines();
    let hello = serde_json::to_string(&Hello { version: PROTOCOL_VERSION })?;
    write.write_all(format!("{hello}\n").as_bytes()).await?;
    let welcome = lines.next_line().await?.context("no welcome")?;
    let _welcome: Welcome = serde_json::from_str(&welcome)?;
    for job in jobs {
        let call = serde_json::to_string(&Call::Submit(Box::new(job)))?;
        write.write_all(format!("{call}\n").as_bytes()).await?;
        let answer = lines.next_line().await?.context("no answer")?;
        match serde_json::from_str(&answer)? {
            Answer::Submitted(submitted) => ensure!(!submitted.adopted, "{submitted:?}"),
            other => bail!("a submission was answered {other:?}"),
        }
    }
    Ok(())
}

/// The same jobs by forking `sbatch`, one after the other; returns jobs per second.
fn by_sbatch(site: &Site) -> Result<f64> {
    let cluster = site.cluster()?;
    let work_dir = site.area().join("work");
    let uid = site.project_user().uid.to_string();
    let gid = site.project_user().gid.to_string();
    let started = Instant::now();
    for _ in 0..JOBS {
        let output = cluster
            .command("sbatch")
            .args(["--hold", "--time=2", "--gres=gpu:h200:1", "--partition=confidential"])
            .args(["--uid", &uid, "--gid", &gid, "--account", ACCOUNT, "--wrap=true"])
            .arg("--chdir")
            .arg(&work_dir)
            .output()?;
        ensure!(output.status.success(), "sbatch: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(f64::from(JOBS) / started.elapsed().as_secs_f64())
}

fn job(site: &Site, job_id: u32) -> JobSpec {
    let user = site.project_user();
    JobSpec {
        job_id,
        key: format!("mimer:bench:{job_id}"),
        uid: user.uid,
        gid: user.gid,
        account: ACCOUNT.to_owned(),
        partition: "confidential".to_owned(),
        qos: None,
        name: "bench".to_owned(),
        time_limit_min: 2,
        gpu_count: 1,
        gpu_type: "h200".to_owned(),
        cpu_count: 1,
        memory_mib: None,
        work_dir: site.area().join("work").display().to_string(),
        script: "#!/bin/sh\ntrue\n".to_owned(),
        environment: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
        deadline: None,
        reservation: None,
        whole_node: false,
        begin_at: None,
        array: None,
    }
}
