//! The keeper of one worker: starts it, feeds it, starts it again.
//!
//! One thread per worker, for as long as the gateway lives: the kernel ties a child's death signal
//! to the thread that started it. A worker is started at the first call and at the next call after
//! its death, never in a tight loop.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::pending::Pending;
use crate::frame::{Done, Order, WorkerKind};
use crate::metrics::Metrics;

/// Least time between two starts of one worker.
const BREATH: Duration = Duration::from_millis(250);

/// How a worker is started.
pub(super) struct WorkerCommand {
    pub(super) kind: WorkerKind,
    pub(super) conf: PathBuf,
    pub(super) cluster: String,
}

pub(super) struct Keeper {
    command: WorkerCommand,
    pending: Arc<Pending>,
    metrics: Arc<Metrics>,
    generation: u64,
    input: Option<ChildStdin>,
    started_at: Option<Instant>,
}

impl Keeper {
    /// Starts the keeper's thread; orders go into the sender.
    pub(super) fn start(
        command: WorkerCommand,
        pending: Arc<Pending>,
        metrics: Arc<Metrics>,
    ) -> io::Result<mpsc::Sender<Order>> {
        let (orders, waiting) = mpsc::channel::<Order>();
        let name = format!("keeper-{}", command.kind.name());
        let mut keeper =
            Self { command, pending, metrics, generation: 0, input: None, started_at: None };
        thread::Builder::new().name(name).spawn(move || {
            for order in waiting {
                keeper.deliver(&order);
            }
        })?;
        Ok(orders)
    }

    /// Writes an order to a living worker, or cuts its caller off.
    fn deliver(&mut self, order: &Order) {
        let Ok(mut line) = serde_json::to_vec(order) else {
            self.pending.forget(order.seq);
            return;
        };
        line.push(b'\n');
        // A worker that died unnoticed breaks the pipe: the order never arrived, so a second try
        // with a fresh one cannot do anything twice.
        for _ in 0..2 {
            if let Err(error) = self.ready() {
                tracing::error!(worker = self.command.kind.name(), error = %error,
                    "a worker could not be started");
                break;
            }
            if !self.pending.mark(order.seq, self.generation) {
                return;
            }
            match self.input.as_mut().map(|input| input.write_all(&line)) {
                Some(Ok(())) => return,
                Some(Err(_)) | None => self.input = None,
            }
        }
        self.pending.forget(order.seq);
    }

    fn ready(&mut self) -> io::Result<()> {
        if self.input.is_some() && self.pending.lives(self.generation) {
            return Ok(());
        }
        self.input = None;
        if let Some(since) = self.started_at.map(|at| at.elapsed()) {
            thread::sleep(BREATH.saturating_sub(since));
        }
        self.started_at = Some(Instant::now());
        self.start_worker()
    }

    fn start_worker(&mut self) -> io::Result<()> {
        let kind = self.command.kind;
        // This very program, even if its file was replaced meanwhile.
        let mut child = Command::new("/proc/self/exe")
            .arg0(format!("mimer-slurm-gateway-{}", kind.name()))
            .args(["worker", kind.name(), "--cluster", &self.command.cluster])
            .env_clear()
            .env("SLURM_CONF", &self.command.conf)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        self.generation += 1;
        self.metrics.worker_starts.with_label_values(&[kind.name()]).inc();
        let pid = child.id();
        tracing::info!(worker = kind.name(), worker.pid = pid, "a worker started");
        self.input = child.stdin.take();
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        self.pending.adopt(self.generation, child);
        let (generation, pending) = (self.generation, Arc::clone(&self.pending));
        let heard = Arc::clone(&self.pending);
        // Without its readers a worker is of no use: bury it and report.
        let readers = thread::Builder::new()
            .spawn(move || listen(kind, pid, errors, &heard))
            .and_then(|_| thread::Builder::new().spawn(move || read(generation, output, &pending)));
        if let Err(error) = readers {
            self.pending.bury(self.generation);
            return Err(error);
        }
        Ok(())
    }
}

/// Hands outcomes to callers until the worker's output ends.
fn read(generation: u64, output: Option<ChildStdout>, pending: &Pending) {
    for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()) {
        match line.map(|line| serde_json::from_str::<Done>(&line)) {
            Ok(Ok(done)) => pending.settle(done.seq, done.outcome),
            Ok(Err(error)) => {
                tracing::error!(error = %error, "a worker wrote something else than an outcome");
                break;
            }
            Err(_) => break,
        }
    }
    pending.bury(generation);
}

/// libslurm explains itself on standard error only: every line becomes a log line.
fn listen(kind: WorkerKind, pid: u32, errors: Option<ChildStderr>, pending: &Pending) {
    for line in errors.into_iter().flat_map(|errors| BufReader::new(errors).lines()) {
        let Ok(line) = line else { break };
        tracing::warn!(worker = kind.name(), worker.pid = pid, line, "a worker says");
        pending.hear(&line);
    }
}
