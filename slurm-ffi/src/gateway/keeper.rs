//! The keeper of one worker: starts it, feeds it, starts it again.
//!
//! One thread per worker, for as long as the gateway lives: the kernel ties a child's death signal
//! to the thread that started it. A worker that dies is replaced at once; one that cannot start is
//! tried again with growing pauses, whether anybody calls or not, so that it comes back by itself
//! when what ails it is mended.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::death::Death;
use super::ear::Ear;
use super::pending::Pending;
use crate::frame::{Order, WorkerKind};
use crate::metrics::Metrics;

/// Least time between two starts of one worker.
const BREATH: Duration = Duration::from_millis(250);

/// Most time between two starts of one that cannot start.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How a worker is started.
pub(super) struct WorkerCommand {
    pub(super) kind: WorkerKind,
    pub(super) conf: PathBuf,
    pub(super) cluster: String,
}

/// What the keeper is told.
pub(super) enum Event {
    /// An order for the worker.
    Order(Order),
    /// A generation is no more.
    Ended(u64),
}

pub(super) struct Keeper {
    command: WorkerCommand,
    pending: Arc<Pending>,
    metrics: Arc<Metrics>,
    events: mpsc::Sender<Event>,
    generation: u64,
    input: Option<ChildStdin>,
    started_at: Option<Instant>,
    /// When a worker is to be started, if none runs.
    due: Option<Instant>,
}

impl Keeper {
    /// Starts the keeper's thread, which starts the worker; orders go into the sender.
    pub(super) fn start(
        command: WorkerCommand,
        pending: Arc<Pending>,
        metrics: Arc<Metrics>,
    ) -> io::Result<mpsc::Sender<Event>> {
        let (events, coming) = mpsc::channel();
        let name = format!("keeper-{}", command.kind.name());
        let keeper = Self {
            command,
            pending,
            metrics,
            events: events.clone(),
            generation: 0,
            input: None,
            started_at: None,
            due: Some(Instant::now()),
        };
        thread::Builder::new().name(name).spawn(move || keeper.keep(&coming))?;
        Ok(events)
    }

    fn keep(mut self, coming: &mpsc::Receiver<Event>) {
        loop {
            let event = match self.due {
                Some(due) => coming.recv_timeout(due.saturating_duration_since(Instant::now())),
                None => coming.recv().map_err(RecvTimeoutError::from),
            };
            match event {
                Ok(Event::Order(order)) => self.deliver(&order),
                Ok(Event::Ended(generation)) if generation == self.generation => self.schedule(),
                Ok(Event::Ended(_)) => {}
                Err(RecvTimeoutError::Timeout) => self.start_when_due(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
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
            if !self.lives() && !self.start_for_a_caller() {
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

    fn lives(&self) -> bool {
        self.input.is_some() && self.pending.lives(self.generation)
    }

    /// Starts a worker now, unless the last ones could not start: then callers do not wait for it.
    fn start_for_a_caller(&mut self) -> bool {
        if self.pending.failed_starts() > 0 {
            return false;
        }
        if let Some(since) = self.started_at.map(|at| at.elapsed()) {
            thread::sleep(BREATH.saturating_sub(since));
        }
        self.start_when_due();
        self.lives()
    }

    /// Notes when the next worker is to be started.
    fn schedule(&mut self) {
        self.input = None;
        let doublings = self.pending.failed_starts().min(16);
        let pause = BREATH.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        let since = self.started_at.map_or(pause, |at| at.elapsed());
        // The pause counts from the last start: a worker that had lived long is replaced at once.
        self.due = Some(Instant::now() + pause.saturating_sub(since));
    }

    fn start_when_due(&mut self) {
        self.due = None;
        if self.lives() {
            return;
        }
        self.started_at = Some(Instant::now());
        if let Err(error) = self.start_worker() {
            tracing::error!(worker = self.command.kind.name(), error = %error,
                "no process could be had for a worker");
            self.due = Some(Instant::now() + LONGEST_PAUSE);
        }
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
        let ear = Ear {
            kind,
            pid,
            generation: self.generation,
            conf: self.command.conf.clone(),
            pending: Arc::clone(&self.pending),
            metrics: Arc::clone(&self.metrics),
            events: self.events.clone(),
        };
        // Without its readers a worker is of no use.
        ear.listen(output, errors).inspect_err(|_| {
            self.pending.kill(self.generation, Death::Garbled);
        })
    }
}
