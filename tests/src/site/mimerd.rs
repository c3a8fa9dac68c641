//! One mimerd of an installation: its files, its ports, and its process, which a test may kill.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal};

use super::start::program;
use crate::{Daemon, port};

/// How long mimerd may take until it serves; its first start makes a database.
const BOUND: Duration = Duration::from_secs(90);

/// One mimerd. Started again, it has the same files and ports.
#[derive(Debug)]
pub(super) struct Mimerd {
    dir: PathBuf,
    /// What its files are called: "" for the first, then "-1", "-2" …
    suffix: String,
    https_port: u16,
    metrics_port: u16,
    daemon: Option<Daemon>,
}

impl Mimerd {
    /// Draws its ports; nothing is started.
    pub(super) fn new(dir: &Path, number: usize) -> Result<Self> {
        let suffix = if number == 0 { String::new() } else { format!("-{number}") };
        Ok(Self {
            dir: dir.to_owned(),
            suffix,
            https_port: port::free()?,
            metrics_port: port::free()?,
            daemon: None,
        })
    }

    pub(super) fn https_port(&self) -> u16 {
        self.https_port
    }

    pub(super) fn metrics_port(&self) -> u16 {
        self.metrics_port
    }

    pub(super) fn config_file(&self) -> PathBuf {
        self.dir.join(format!("mimerd{}.toml", self.suffix))
    }

    pub(super) fn state_dir(&self) -> PathBuf {
        self.dir.join(format!("state{}", self.suffix))
    }

    pub(super) fn ca_file(&self) -> PathBuf {
        self.state_dir().join("tls/ca.pem")
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join(format!("mimerd{}.log", self.suffix))
    }

    /// Starts it and returns at once.
    pub(super) fn spawn(&mut self) -> Result<()> {
        ensure!(!self.runs(), "this mimerd runs already");
        let mut command = Command::new(program("mimerd")?);
        command.arg("--config").arg(self.config_file()).arg("serve");
        command.env("RUST_LOG", "info,sqlx=warn");
        self.daemon = Some(Daemon::spawn("mimerd", command, &self.log_file())?);
        Ok(())
    }

    /// Waits until it serves.
    pub(super) async fn until_it_serves(&mut self) -> Result<()> {
        let (port, ca) = (self.https_port, self.ca_file());
        let daemon = self.daemon.as_mut().context("this mimerd is not running")?;
        daemon
            .until_ready(BOUND, async || {
                let there = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok();
                Ok(there && ca.exists())
            })
            .await
    }

    /// True while its process is there.
    pub(super) fn runs(&mut self) -> bool {
        self.daemon.as_mut().is_some_and(|daemon| daemon.exit_status().is_none())
    }

    /// Kills it with -9, and what it had started with it.
    pub(super) fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.crash();
            daemon.stop();
        }
    }

    /// Asks it to end and waits until it has.
    pub(super) fn stop(&mut self) {
        self.daemon = None;
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.daemon.as_ref().context("mimerd is stopped")?.pid();
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).context("a pid of zero")?;
        rustix::process::kill_process(pid, signal).context("signalling mimerd")
    }

    /// The last lines of its log, also after it was killed.
    pub(super) fn log_tail(&self) -> String {
        const LINES: usize = 20;
        let text = std::fs::read_to_string(self.log_file()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}
