//! MariaDB under slurmdbd: a throw-away server with its own socket, port and password.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::{Daemon, Workspace};

/// A server is up in about a second; a busy machine gets time.
const BOUND: Duration = Duration::from_secs(60);

/// What is committed survives a kill.
const DURABLE: [&str; 2] = ["--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1"];

/// What is committed is written in time; durability that most tests do not need is traded for speed.
const FAST: [&str; 2] = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"];

/// Makes the data directory, which needs no server.
pub(crate) async fn install(dir: &Path) -> Result<()> {
    let output = tokio::process::Command::new("mariadb-install-db")
        .args(["--no-defaults", "--user=root", "--skip-test-db"])
        // Root comes in by the socket and its own uid only, so nobody else on the machine does.
        .args(["--auth-root-authentication-method=socket", "--auth-root-socket-user=root"])
        .arg(format!("--datadir={}", dir.display()))
        // Servers that share a directory for temporary tables remove each other's.
        .arg(format!("--tmpdir={}", temporary(dir)?.display()))
        .output()
        .await
        .context("running mariadb-install-db; is the package mariadb-server installed?")?;
    ensure!(
        output.status.success(),
        "mariadb-install-db failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// A directory for the temporary tables of one server alone, beside its data.
fn temporary(data: &Path) -> Result<PathBuf> {
    let dir = data.with_extension("tmp");
    std::fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    Ok(dir)
}

/// How a server is started.
pub(crate) struct Server<'a> {
    pub(crate) port: u16,
    /// Of slurmdbd's user.
    pub(crate) password: &'a str,
    /// Whether what was committed is on disk, or soon will be.
    pub(crate) durable: bool,
}

impl Server<'_> {
    /// Starts the server and waits until it answers.
    pub(crate) async fn start(&self, workspace: &Workspace) -> Result<Daemon> {
        let Self { port, password, durable } = self;
        let dir: PathBuf = workspace.path().join("db");
        let first_statements = workspace.write(
            "db-users.sql",
            0o600,
            format!(
                "create user if not exists slurm@'127.0.0.1' identified by '{password}';\n\
             grant all on slurm.* to slurm@'127.0.0.1';\n"
            ),
        )?;
        let socket = dir.join("socket");
        let mut command = Command::new("mariadbd");
        command
            .args([
                "--no-defaults",
                "--user=root",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
            ])
            .arg(format!("--datadir={}", dir.display()))
            .arg(format!("--tmpdir={}", temporary(&dir)?.display()))
            .arg(format!("--socket={}", socket.display()))
            .arg(format!("--pid-file={}", dir.join("pid").display()))
            .arg(format!("--port={port}"))
            .arg(format!("--init-file={}", first_statements.display()))
            // slurmdbd asks for the first.
            .args([
                "--innodb-lock-wait-timeout=900",
                "--innodb-buffer-pool-size=64M",
                "--skip-log-bin",
            ])
            .args(if *durable { DURABLE } else { FAST });
        let mut daemon =
            Daemon::spawn("mariadbd", command, &workspace.path().join("log/mariadbd.log"))?;
        daemon.until_ready(BOUND, async || answers(&socket).await).await?;
        Ok(daemon)
    }
}

/// Runs one statement on the server of this workspace, past slurmdbd.
pub(crate) async fn run(workspace: &Workspace, statement: &str) -> Result<()> {
    let output = tokio::process::Command::new("mariadb")
        .args(["--no-defaults", "--execute", statement])
        .arg(format!("--socket={}", workspace.path().join("db/socket").display()))
        .output()
        .await
        .context("running mariadb")?;
    ensure!(output.status.success(), "{statement}:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn answers(socket: &Path) -> Result<bool> {
    let output = tokio::process::Command::new("mariadb-admin")
        .args(["--no-defaults", "ping"])
        .arg(format!("--socket={}", socket.display()))
        .output()
        .await
        .context("running mariadb-admin")?;
    Ok(output.status.success())
}
