//! Slurm's own REST daemon, over a Unix socket with connections that are kept.
//!
//! It runs as a researcher, because it submits as whom it runs and only the gateway may submit to the
//! broker's partitions.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::JOBS;
use crate::Daemon;
use crate::site::Site;

const BOUND: Duration = Duration::from_secs(30);

/// The newest API of Slurm 22.05.
const SUBMIT: &str = "http://localhost/slurm/v0.0.38/job/submit";

/// A running slurmrestd.
pub(super) struct Restd {
    _daemon: Daemon,
    socket: PathBuf,
}

impl Restd {
    pub(super) async fn start(site: &Site) -> Result<Self> {
        let cluster = site.cluster()?;
        let user = cluster.researcher().await?;
        let dir = cluster.make_area("slurmrestd", &user)?;
        let socket = dir.join("socket");
        let mut command = cluster.command_as(&user, "slurmrestd");
        command.args(["-a", "rest_auth/local"]).arg(format!("unix:{}", socket.display()));
        let log = cluster.dir().join("log/slurmrestd.out");
        let mut daemon = Daemon::spawn("slurmrestd", command, &log)
            .context("starting slurmrestd; is the package slurmrestd installed?")?;
        daemon.until_ready(BOUND, async || Ok(socket.exists())).await?;
        Ok(Self { _daemon: daemon, socket })
    }

    /// Seconds for [`JOBS`] submissions over so many connections.
    pub(super) async fn submit(&self, at_once: u32) -> Result<f64> {
        let started = Instant::now();
        let mut talking = tokio::task::JoinSet::new();
        for _ in 0..at_once {
            let client = client(&self.socket)?;
            talking.spawn(async move {
                for _ in 0..JOBS / at_once {
                    let response = client.post(SUBMIT).json(&job()).send().await?;
                    let status = response.status();
                    let said: Value = response.json().await?;
                    let is_taken = said["job_id"].as_u64().is_some_and(|id| id > 0);
                    ensure!(status.is_success() && is_taken, "slurmrestd: {said}");
                }
                Ok(())
            });
        }
        while let Some(done) = talking.join_next().await {
            done.context("a connection to slurmrestd")??;
        }
        Ok(started.elapsed().as_secs_f64())
    }
}

fn client(socket: &Path) -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().unix_socket(socket).build()?)
}

fn job() -> Value {
    json!({
        "script": "#!/bin/sh\ntrue\n",
        "job": {
            "name": "bench", "account": "research", "partition": "research", "time_limit": 2,
            "hold": true, "gres": "gpu:h200:1", "current_working_directory": "/tmp",
            "standard_output": "/dev/null", "environment": { "PATH": "/usr/bin:/bin" },
        },
    })
}
