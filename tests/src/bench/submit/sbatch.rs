//! `sbatch` in a loop, as people and scripts do it: one program for each job.

use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::JOBS;
use crate::site::{ACCOUNT, Site};

/// Seconds for [`JOBS`] jobs of the project's, by root on behalf of its user.
pub(super) async fn submit(site: &Site, at_once: u32) -> Result<f64> {
    let work_dir = site.area().join("work").display().to_string();
    let user = site.project_user();
    let ids = [format!("--uid={}", user.uid), format!("--gid={}", user.gid)];
    let place = [
        format!("--account={ACCOUNT}"),
        "--partition=confidential".to_owned(),
        format!("--chdir={work_dir}"),
    ];
    let arguments: Vec<String> = ids.into_iter().chain(place).collect();
    timed(at_once, || {
        let mut command = site.cluster()?.command("sbatch");
        command.args(&arguments);
        Ok(command)
    })
    .await
}

/// The same of research's, which is nothing of the broker's.
pub(super) async fn submit_research(site: &Site, at_once: u32) -> Result<f64> {
    let cluster = site.cluster()?;
    let user = cluster.researcher().await?;
    timed(at_once, || {
        let mut command = cluster.command_as(&user, "sbatch");
        command.args(["--account=research", "--partition=research", "--chdir=/tmp"]);
        Ok(command)
    })
    .await
}

async fn timed(at_once: u32, command: impl Fn() -> Result<Command>) -> Result<f64> {
    let started = Instant::now();
    let mut loops = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let commands: Vec<Command> =
            (0..JOBS / at_once).map(|_| command()).collect::<Result<_>>()?;
        loops.spawn(async move {
            for mut command in commands {
                command.args(["--hold", "--time=2", "--gres=gpu:h200:1", "--wrap=true"]);
                command.args(["--output=/dev/null"]).stdin(Stdio::null());
                let output = tokio::process::Command::from(command).output().await?;
                let said = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "sbatch: {said}");
            }
            Ok(())
        });
    }
    while let Some(done) = loops.join_next().await {
        done.context("a loop of sbatch")??;
    }
    Ok(started.elapsed().as_secs_f64())
}
