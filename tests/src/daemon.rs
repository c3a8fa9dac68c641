//! One program in the background: started with a log file, ended by pid.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use crate::process::{self, Process};
use crate::{guard, poll};

/// How long a daemon may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// Lines of its log that an error shows.
const LOG_TAIL_LINES: usize = 20;

/// A running program. Dropping it ends it with everything it started.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
    exit: Option<ExitStatus>,
    /// Children that a crash left alone; ended by `stop`.
    orphans: Vec<Process>,
}

impl Daemon {
    /// Starts `command` in a process group of its own, with both outputs appended to `log`.
    pub fn spawn(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("opening {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name} ({})", command.get_program().display()))?;
        // From here on the value owns the process, so an early return ends it.
        let daemon =
            Self { name: name.into(), child, log: log.into(), exit: None, orphans: Vec::new() };
        guard::watch_pid(daemon.pid())?;
        Ok(daemon)
    }

    /// The program's name, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its pid, which is also its process group's.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// The last lines of its output.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
    }

    /// How it ended; `None` while it runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.exit.is_none() && self.has_exited() {
            self.reap();
        }
        self.exit
    }

    /// Waits until `look` answers true. Fails at once, with its log, if the program ends first.
    pub async fn until_ready(
        &mut self,
        bound: Duration,
        mut look: impl AsyncFnMut() -> Result<bool>,
    ) -> Result<()> {
        let what = format!("{} to be ready", self.name);
        let waited = poll::until(&what, bound, async || {
            if let Some(status) = self.exit_status() {
                bail!("{} ended at once ({status})", self.name);
            }
            look().await
        })
        .await;
        waited.with_context(|| format!("{} says:\n{}", self.name, self.log_tail()))
    }

    /// Sends a signal to the program itself, not to its group; nothing happens if it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.exit_status().is_none()
            && let Some(pid) = self.group()
        {
            // It cannot be another process: it has not been waited for.
            let _ended = rustix::process::kill_process(pid, signal);
        }
    }

    /// Asks it to end, so that several can end at the same time before each is waited for.
    pub fn ask_to_stop(&mut self) {
        self.signal(Signal::TERM);
    }

    /// Ends it: asks, waits ten seconds, kills. Its children end with it.
    pub fn stop(&mut self) {
        if self.exit.is_none() {
            // Taken first: a child in a session of its own is not found after its parent is gone.
            self.orphans.extend(process::descendants(self.child.id().cast_signed()));
            self.ask_to_stop();
            if self.exit.is_none() && !poll::blocking_until(GRACE, || self.has_exited()) {
                self.signal(Signal::KILL);
            }
            self.reap();
        }
        self.orphans.drain(..).for_each(Process::kill);
    }

    /// Kills it outright, as a crash would, and leaves its children alone until `stop`.
    pub fn crash(&mut self) {
        self.orphans.extend(process::descendants(self.child.id().cast_signed()));
        self.signal(Signal::KILL);
        self.collect();
    }

    /// True once it has ended; leaves it as a zombie, which keeps its pid from being given anew.
    fn has_exited(&self) -> bool {
        let Some(pid) = self.group() else { return true };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(rustix::process::waitid(WaitId::Pid(pid), options), Ok(None))
    }

    /// Ends what is left of its group and collects its exit status.
    fn reap(&mut self) {
        if self.exit.is_some() {
            return;
        }
        if let Some(group) = self.group() {
            // The leader has not been waited for yet, so the group is still ours.
            let _empty = rustix::process::kill_process_group(group, Signal::KILL);
        }
        self.collect();
    }

    fn collect(&mut self) {
        if self.exit.is_none() {
            self.exit = self.child.wait().ok();
            guard::forget_pid(self.child.id());
        }
    }

    fn group(&self) -> Option<Pid> {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (tempfile::TempDir, Daemon) {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        let daemon = Daemon::spawn("shell", command, &dir.path().join("log")).unwrap();
        (dir, daemon)
    }

    #[tokio::test]
    async fn stopping_ends_children_even_in_their_own_session() {
        let (_dir, mut daemon) = shell("setsid sleep 1000 & sleep 1000 & wait");
        let pid = daemon.pid().cast_signed();
        poll::until("two sleeps", Duration::from_secs(5), async || {
            Ok(process::descendants(pid).len() == 2)
        })
        .await
        .unwrap();
        let children = process::descendants(pid);
        daemon.stop();
        assert!(poll::blocking_until(Duration::from_secs(5), || {
            !children.iter().any(|child| child.is_alive())
        }));
    }

    #[tokio::test]
    async fn a_daemon_that_ends_at_once_is_reported_with_its_log() {
        let (_dir, mut daemon) = shell("echo no such key; exit 3");
        let fault = daemon.until_ready(Duration::from_secs(5), async || Ok(false)).await;
        let text = format!("{:#}", fault.unwrap_err());
        assert!(text.contains("no such key") && text.contains("exit status: 3"), "{text}");
    }
}
