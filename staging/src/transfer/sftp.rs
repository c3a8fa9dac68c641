//! OpenSSH's `sftp` client as a child process: one session, one script, one bound.
//!
//! The client gets an environment of its own, no configuration but ours, and no terminal. `prlimit`
//! puts a limit on the size of the files it writes before it starts, so a source that sends for ever
//! ends the client and not us. While it runs the gate is asked again and again; a refusal and the
//! deadline kill it.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use crate::gate::{Answer, PermitGate, Progress};

use super::engine::Halt;
use super::error::MAX_NOTE_BYTES;
use super::{Endpoint, Order, TransferError};

/// The most that a listing may print.
const MAX_OUTPUT_BYTES: u64 = 64 * 1024 * 1024;

/// `ssh`'s exit code when it could not reach the host or log in; `sftp` passes it on.
const EXIT_UNREACHABLE: i32 = 255;

/// `prlimit`'s exit code when there is no `sftp` to start.
const EXIT_NOT_FOUND: i32 = 127;

/// Settings of every session. Order matters nowhere; each closes one way round the order.
const SSH_OPTIONS: &[&str] = &[
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "PreferredAuthentications=publickey",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "PermitLocalCommand=no",
    "ControlMaster=no",
    "ControlPath=none",
    "ConnectTimeout=20",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=4",
    "LogLevel=ERROR",
];

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Every command worked.
    Done,
    /// The kernel ended it because a file reached its limit.
    AtLimit,
    /// A command did not work.
    CommandFailed,
    /// The source was not reached.
    Unreachable,
}

/// What a session left.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) exit: Exit,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// What a session may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    /// No file may grow beyond this.
    pub(super) max_file_bytes: u64,
    /// One request at a time, so that answers cannot come in another order.
    pub(super) one_at_a_time: bool,
}

/// The source, as far as one transfer may talk to it.
pub(super) struct Source<'a, G> {
    order: &'a Order,
    gate: &'a G,
    deadline: Instant,
    /// Told to the gate; the engine keeps it up to date.
    pub(super) progress: Progress,
}

impl<'a, G: PermitGate + Sync> Source<'a, G> {
    pub(super) fn new(order: &'a Order, gate: &'a G) -> Self {
        let deadline = Instant::now() + Duration::from_secs(order.limits.deadline_s);
        Self { order, gate, deadline, progress: Progress::default() }
    }

    /// Asks whether the transfer may go on. A gate that does not answer in time has not said yes.
    pub(super) async fn ask(&mut self) -> Result<(), Halt> {
        let question = self.gate.ask(self.progress);
        self.progress.question_no += 1;
        match timeout(self.ask_every(), question).await {
            Ok(Answer::Go) => Ok(()),
            Ok(Answer::Stop(code)) => Err(Halt::Stopped(code)),
            Err(_too_late) => Err(Halt::Stopped("permit_not_checkable".to_owned())),
        }
    }

    /// Runs one script to its end, to its bound, or to the gate's refusal.
    pub(super) async fn run(&mut self, script: &str, bound: Bound) -> Result<Session, Halt> {
        let mut child = self.start(bound)?;
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        let script = script.to_owned();
        let writing = tokio::spawn(async move {
            // A client that dies early closes the pipe; its exit code tells, not this.
            let _closed = stdin.write_all(script.as_bytes()).await;
        });
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let stdout = tokio::spawn(read_to(stdout, MAX_OUTPUT_BYTES));
        let stderr = tokio::spawn(read_to(stderr, MAX_NOTE_BYTES as u64));

        let ended = self.watch(&mut child).await;
        writing.abort();
        let status = match ended {
            Ok(status) => status,
            Err(halt) => {
                kill(&mut child).await;
                stdout.abort();
                stderr.abort();
                return Err(halt);
            }
        };
        if status.code() == Some(EXIT_NOT_FOUND) {
            return Err(self.not_started(std::io::ErrorKind::NotFound.into()).into());
        }
        let (stdout, stderr) = (gather(stdout).await, gather(stderr).await);
        Ok(Session { exit: exit_of(status), stdout, stderr })
    }

    async fn watch(&mut self, child: &mut Child) -> Result<ExitStatus, Halt> {
        let mut ticks = interval_at(Instant::now() + self.ask_every(), self.ask_every());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                status = child.wait() => {
                    return status.map_err(|source| self.not_started(source).into());
                }
                () = sleep_until(self.deadline) => {
                    let deadline_s = self.order.limits.deadline_s;
                    return Err(TransferError::DeadlinePassed { deadline_s }.into());
                }
                _ = ticks.tick() => self.ask().await?,
            }
        }
    }

    fn start(&self, bound: Bound) -> Result<Child, TransferError> {
        let mut command = Command::new("prlimit");
        command
            .arg(format!("--fsize={}", bound.max_file_bytes))
            .args(["--core=0", "--", "sftp", "-b", "-"]);
        if bound.one_at_a_time {
            command.args(["-R", "1"]);
        }
        match &self.order.endpoint {
            Endpoint::Ssh { host, port, user, identity_file, known_hosts_file } => {
                command.args(["-F", "/dev/null"]);
                for option in SSH_OPTIONS {
                    command.arg(format!("-o{option}"));
                }
                command
                    .arg(format!("-oUserKnownHostsFile={}", known_hosts_file.display()))
                    .arg("-i")
                    .arg(identity_file)
                    .args(["-P", &port.to_string(), "--", &format!("{user}@{host}")]);
            }
            Endpoint::LocalServer { path } => {
                command.arg("-D").arg(path);
            }
        }
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            // Without it the client prints å as \303\245.
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command.spawn().map_err(|source| self.not_started(source))
    }

    fn ask_every(&self) -> Duration {
        Duration::from_millis(self.order.limits.ask_every_ms)
    }

    fn not_started(&self, source: std::io::Error) -> TransferError {
        TransferError::NotStarted { program: "sftp (through prlimit)".to_owned(), source }
    }
}

impl Session {
    /// The error of a session that ended badly while it was `doing`.
    pub(super) fn broken(self, doing: &'static str) -> TransferError {
        let stderr = self.stderr;
        match self.exit {
            Exit::Unreachable => TransferError::Unreachable { stderr },
            Exit::Done | Exit::AtLimit | Exit::CommandFailed => {
                TransferError::Broken { doing, stderr }
            }
        }
    }
}

/// Kills the client. Its `ssh` child sees the pipe close and ends by itself.
async fn kill(child: &mut Child) {
    // An error means it has ended already.
    let _ended = child.kill().await;
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(0), _) => Exit::Done,
        (Some(EXIT_UNREACHABLE), _) => Exit::Unreachable,
        (_, Some(signal)) if signal == Signal::XFSZ.as_raw() => Exit::AtLimit,
        // The other end closed before the client had said its first word.
        (_, Some(signal)) if signal == Signal::PIPE.as_raw() => Exit::Unreachable,
        _ => Exit::CommandFailed,
    }
}

async fn read_to(input: impl AsyncRead + Unpin, max_bytes: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What was read before an error is still worth showing.
    let _broken = input.take(max_bytes).read_to_end(&mut bytes).await;
    bytes
}

async fn gather(reading: tokio::task::JoinHandle<Vec<u8>>) -> String {
    let bytes = reading.await.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
