//! The program `mimer-mover` and the broker, talking in JSON lines.
//!
//! The broker writes the order. The mover then says [`Said::Gate`] before each batch and waits for an
//! [`Answer`], and at the end says [`Said::Report`]. A mover whose broker is gone gets no answer and
//! stops. The mover runs in a process group of its own, and whoever drops [`run_mover`] ends all of
//! that group.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::gate::{Answer, PermitGate, Progress};

use super::error::MAX_NOTE_BYTES;
use super::{Order, Report, TransferError, fetch};

/// How long after its own deadline the mover may take to say so.
const GRACE: Duration = Duration::from_secs(60);

/// One line the mover says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// May I go on?
    Gate(Progress),
    /// This is how it ended. Nothing follows.
    Report(Box<Report>),
}

/// The mover's side: reads an order from `input`, fetches it, asks and reports on `output`.
///
/// Returns the report it printed, or `None` if there was no order to read.
pub async fn serve<I, O>(input: I, output: O) -> std::io::Result<Option<Report>>
where
    I: AsyncBufRead + Unpin + Send,
    O: AsyncWrite + Unpin + Send,
{
    let mut line = LineGate { input, output };
    let Some(order) = line.read::<Order>().await? else { return Ok(None) };
    let gate = Mutex::new(line);
    let report = match fetch(&order, &gate).await {
        Ok(report) => report,
        Err(error) => Report::failed(order.transfer_id, order.link_id, &error),
    };
    gate.into_inner().say(&Said::Report(Box::new(report.clone()))).await?;
    Ok(Some(report))
}

/// Both ends of the conversation, from the mover's side.
struct LineGate<I, O> {
    input: I,
    output: O,
}

impl<I, O> LineGate<I, O>
where
    I: AsyncBufRead + Unpin + Send,
    O: AsyncWrite + Unpin + Send,
{
    async fn say(&mut self, said: &Said) -> std::io::Result<()> {
        self.output.write_all(&json_line(said)).await?;
        self.output.flush().await
    }

    async fn read<T: serde::de::DeserializeOwned>(&mut self) -> std::io::Result<Option<T>> {
        let mut line = String::new();
        if self.input.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&line)?))
    }

    async fn converse(&mut self, progress: Progress) -> std::io::Result<Option<Answer>> {
        self.say(&Said::Gate(progress)).await?;
        self.read().await
    }
}

impl<I, O> PermitGate for Mutex<LineGate<I, O>>
where
    I: AsyncBufRead + Unpin + Send,
    O: AsyncWrite + Unpin + Send,
{
    async fn ask(&self, progress: Progress) -> Answer {
        match self.lock().await.converse(progress).await {
            Ok(Some(answer)) => answer,
            Ok(None) | Err(_) => Answer::Stop("broker_gone".to_owned()),
        }
    }
}

/// Runs the program at `mover` with `order`, answers its questions from `gate`, and returns its
/// report.
///
/// # Errors
/// The program could not be started, ended without a report, or overran its deadline. The link is
/// then recorded with [`Report::failed`].
pub async fn run_mover<G: PermitGate + Sync>(
    order: &Order,
    mover: &Path,
    gate: &G,
) -> Result<Report, TransferError> {
    let mut running = Running::start(mover)?;
    let bound = Duration::from_secs(order.limits.deadline_s) + GRACE;
    let talked = timeout(bound, talk(&mut running.child, order, gate)).await;
    let stderr = running.end().await;
    match talked {
        Ok(Some(report)) if report.transfer_id == order.transfer_id => Ok(report),
        Ok(_) => Err(TransferError::NoReport { stderr }),
        Err(_too_late) => {
            Err(TransferError::DeadlinePassed { deadline_s: order.limits.deadline_s })
        }
    }
}

/// The broker's side of the conversation, to the report or to the end of the stream.
async fn talk<G: PermitGate + Sync>(child: &mut Child, order: &Order, gate: &G) -> Option<Report> {
    let mut input = child.stdin.take()?;
    let mut output = BufReader::new(child.stdout.take()?).lines();
    input.write_all(&json_line(order)).await.ok()?;
    while let Some(line) = output.next_line().await.ok()? {
        match serde_json::from_str(&line).ok()? {
            Said::Gate(progress) => {
                let answer = gate.ask(progress).await;
                input.write_all(&json_line(&answer)).await.ok()?;
            }
            Said::Report(report) => return Some(*report),
        }
    }
    None
}

/// A running mover, whose whole process group ends with it.
struct Running {
    child: Child,
    group: Option<Pid>,
}

impl Running {
    fn start(mover: &Path) -> Result<Self, TransferError> {
        let mut command = Command::new(mover);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let child = command.spawn().map_err(|source| TransferError::NotStarted {
            program: mover.display().to_string(),
            source,
        })?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, group })
    }

    /// Ends what is left of the group and returns what the mover complained about.
    async fn end(&mut self) -> String {
        self.end_group();
        let mut words = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            // The pipe ends with the group; an error leaves what was read.
            let _broken = stderr.take(MAX_NOTE_BYTES as u64).read_to_end(&mut words).await;
        }
        // Reaps the mover; it is dead already.
        let _status = self.child.wait().await;
        String::from_utf8_lossy(&words).into_owned()
    }

    /// The mover is not reaped yet, so its process id still names its own group and no other.
    fn end_group(&mut self) {
        if let Some(group) = self.group.take() {
            // An error means that nobody is left in it.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end_group();
    }
}

fn json_line(value: &impl serde::Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("our own types have only text and numbers");
    line.push(b'\n');
    line
}
