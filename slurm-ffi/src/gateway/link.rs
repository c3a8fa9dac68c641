//! The line to one worker: a bounded queue, a deadline per call, and what to say when it is lost.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use slurm_wire::{Refusal, RefusalCode};

use super::keeper::{Keeper, WorkerCommand};
use super::pending::Pending;
use crate::bounds::refusal;
use crate::frame::{Order, Outcome, Task, WorkerKind};
use crate::metrics::Metrics;

pub(super) struct Link {
    kind: WorkerKind,
    deadline: Duration,
    queue: usize,
    slots: Mutex<Slots>,
    slot_freed: Condvar,
    seq: AtomicU64,
    orders: mpsc::Sender<Order>,
    pending: Arc<Pending>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Slots {
    busy: usize,
    waiting: usize,
}

impl Link {
    pub(super) fn start(
        command: WorkerCommand,
        deadline: Duration,
        queue: usize,
        metrics: Arc<Metrics>,
    ) -> io::Result<Self> {
        let kind = command.kind;
        let pending = Arc::new(Pending::new(kind));
        let orders = Keeper::start(command, Arc::clone(&pending), Arc::clone(&metrics))?;
        Ok(Self {
            kind,
            deadline,
            queue,
            slots: Mutex::default(),
            slot_freed: Condvar::new(),
            seq: AtomicU64::new(1),
            orders,
            pending,
            metrics,
        })
    }

    /// Has the worker carry out a task, and waits for it: at most the deadline once it is sent.
    pub(super) fn call(&self, task: Task) -> Outcome {
        let _slot = self.take_slot()?;
        let is_submit = matches!(task, Task::Submit(_));
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let told = self.pending.expect(seq);
        if self.orders.send(Order { seq, task }).is_err() {
            self.pending.forget(seq);
            return Err(self.lost(is_submit, "its keeper is gone".to_owned()));
        }
        match told.recv_timeout(self.deadline) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout) => {
                self.give_up(seq);
                let why = format!("it did not answer within {} ms", self.deadline.as_millis());
                Err(self.lost(is_submit, why))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let why = match self.pending.last_words() {
                    words if words.is_empty() => "it ended".to_owned(),
                    words => format!("it ended, last saying {words:?}"),
                };
                Err(self.lost(is_submit, why))
            }
        }
    }

    /// A worker that kept a call past its deadline is stuck in libslurm: nothing but SIGKILL helps.
    fn give_up(&self, seq: u64) {
        let Some(generation) = self.pending.forget(seq) else {
            return; // Never sent: somebody else's call is what blocks, and has its own deadline.
        };
        if self.pending.bury(generation) {
            self.metrics.worker_kills.with_label_values(&[self.kind.name()]).inc();
            tracing::warn!(
                worker = self.kind.name(),
                deadline_ms = self.deadline.as_millis(),
                "a worker ran past its deadline and was killed"
            );
        }
    }

    fn lost(&self, is_submit: bool, why: String) -> Refusal {
        let worker = self.kind.name();
        if is_submit {
            // Never "not submitted": slurmctld may have taken it before the worker was lost.
            return refusal(
                RefusalCode::ControllerUnavailable,
                format!(
                    "whether the job was submitted is not known (the {worker} worker was lost: \
                     {why}): submit the same id again"
                ),
            );
        }
        refusal(
            RefusalCode::WorkerReplaced,
            format!(
                "the {worker} worker was lost and is replaced: {why}; send the same call again"
            ),
        )
    }

    /// Waits for one of the worker's threads to be free; refuses when too many wait already.
    fn take_slot(&self) -> Result<Slot<'_>, Refusal> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let threads = self.kind.thread_count();
        if slots.busy >= threads && slots.waiting >= self.queue {
            return Err(refusal(
                RefusalCode::Busy,
                format!("{} calls wait for the {} worker already", slots.waiting, self.kind.name()),
            ));
        }
        slots.waiting += 1;
        self.show(&slots);
        slots = self
            .slot_freed
            .wait_while(slots, |slots| slots.busy >= threads)
            .unwrap_or_else(PoisonError::into_inner);
        slots.waiting -= 1;
        slots.busy += 1;
        self.show(&slots);
        Ok(Slot { link: self })
    }

    fn show(&self, slots: &Slots) {
        let waiting = i64::try_from(slots.waiting).unwrap_or(i64::MAX);
        self.metrics.calls_waiting.with_label_values(&[self.kind.name()]).set(waiting);
    }
}

/// One of the worker's threads, while a call has it.
struct Slot<'link> {
    link: &'link Link,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.link.slots.lock().unwrap_or_else(PoisonError::into_inner).busy -= 1;
        self.link.slot_freed.notify_one();
    }
}
