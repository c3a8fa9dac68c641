//! Our gateway, asked over its socket as mimerd asks it.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use slurm_wire::{Answer, Call, Hello, JobSpec, PROTOCOL_VERSION, Welcome};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::JOBS;
use crate::site::{ACCOUNT, Site};

/// Seconds for [`JOBS`] submissions over so many connections.
pub(super) async fn submit(site: &Site, connections: u32, first_id: u32) -> Result<f64> {
    let each = JOBS / connections;
    let started = Instant::now();
    let mut talking = tokio::task::JoinSet::new();
    for connection in 0..connections {
        let socket = site.gateway_socket();
        let from = first_id + connection * each;
        let jobs: Vec<JobSpec> = (from..from + each).map(|id| job(site, id)).collect();
        talking.spawn(async move { submit_all(&socket, jobs).await });
    }
    while let Some(done) = talking.join_next().await {
        done.context("a connection")??;
    }
    Ok(started.elapsed().as_secs_f64())
}

async fn submit_all(socket: &Path, jobs: Vec<JobSpec>) -> Result<()> {
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
