//! A table of slurmdbd's that somebody else has locked: slurmdbd takes a question and cannot answer.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{Cluster, Daemon, poll};

const BOUND: Duration = Duration::from_secs(30);

/// Locks the table of jobs until dropped.
pub(crate) async fn lock_jobs(cluster: &Cluster) -> Result<Daemon> {
    let table = format!("{}_job_table", cluster.name());
    let statement = format!("lock tables {table} write; select sleep(600)");
    let mut command = client(cluster)?;
    command.arg("--execute").arg(statement);
    let locking = Daemon::spawn("mariadb", command, &cluster.dir().join("log/lock.out"))?;
    poll::until("the table of jobs to be locked", BOUND, async || {
        let mut command = client(cluster)?;
        command.args(["--batch", "--skip-column-names", "--execute"]);
        command.arg(format!("show open tables like '{table}'"));
        let output = tokio::process::Command::from(command).output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "mariadb says: {said}");
        // Database, table, how many use it, name locked.
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.split_whitespace().nth(2).is_some_and(|in_use| in_use != "0"))
    })
    .await?;
    Ok(locking)
}

/// MariaDB's client, as slurmdbd connects.
fn client(cluster: &Cluster) -> Result<Command> {
    let conf = std::fs::read_to_string(cluster.dir().join("slurmdbd.conf"))?;
    let setting = |name: &str| {
        let value = conf.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.with_context(|| format!("slurmdbd.conf has no {name}"))
    };
    let mut command = Command::new("mariadb");
    command
        .args(["--no-defaults", "--protocol=tcp", "--host", setting("StorageHost")?])
        .args(["--port", setting("StoragePort")?, "--user", setting("StorageUser")?])
        .arg(format!("--password={}", setting("StoragePass")?))
        .arg(setting("StorageLoc")?);
    Ok(command)
}
