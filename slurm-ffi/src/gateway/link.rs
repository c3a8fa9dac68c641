//! The line to one worker: a bounded queue, a deadline per call, and what to say when it is lost.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use slurm_wire::{Refusal, RefusalCode};

use super::breaker::Breaker;
use super::death::Death;
use super::keeper::{Event, Keeper, WorkerCommand};
use super::pending::Pending;
use crate::bounds::refusal;
use crate::frame::{Order, Outcome, READY, Task, WorkerKind};
use crate::metrics::Metrics;

/// Shared by the callers and by the probe that asks while Slurm is silent.
pub(super) struct Link {
    line: Arc<Line>,
}

struct Line {
    kind: WorkerKind,
    deadline: Duration,
    queue: usize,
    slots: Mutex<Slots>,
    slot_freed: Condvar,
    seq: AtomicU64,
    events: mpsc::Sender<Event>,
    pending: Arc<Pending>,
    breaker: Breaker,
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
        let pending = Arc::new(Pending::new(kind, Arc::clone(&metrics)));
        let events = Keeper::start(command, Arc::clone(&pending), Arc::clone(&metrics))?;
        let line = Arc::new(Line {
            kind,
            deadline,
            queue,
            slots: Mutex::default(),
            slot_freed: Condvar::new(),
            seq: AtomicU64::new(READY + 1),
            events,
            pending,
            breaker: Breaker::new(kind, Arc::clone(&metrics)),
            metrics,
        });
        let probed = Arc::clone(&line);
        thread::Builder::new()
            .name(format!("probe-{}", kind.name()))
            .spawn(move || probed.breaker.probe_for_ever(|task| probed.probe(task)))?;
        Ok(Self { line })
    }

    /// Refuses what a call would be refused for without being sent.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        self.line.breaker.check()?;
        self.line.check_worker()
    }

    /// Has the worker carry out a task, and waits for it: at most the deadline once it is sent.
    /// Refuses at once while Slurm is known to be silent or the worker cannot start.
    pub(super) fn call(&self, task: Task) -> Outcome {
        let line = &self.line;
        self.check()?;
        let _slot = line.take_slot()?;
        // Whoever had the slot before may have found out.
        line.breaker.check()?;
        line.ask(task)
    }
}

impl Line {
    /// Asks past the breaker; what comes of it the breaker learns like that of any other call.
    fn probe(&self, task: Task) {
        if let Ok(_slot) = self.take_slot() {
            let _ = self.ask(task);
        }
    }

    fn ask(&self, task: Task) -> Outcome {
        let is_submit = matches!(task, Task::Submit(_));
        let seq = self.seq.fetch_add(1, Ordering::Relaxed);
        let told = self.pending.expect(seq);
        let begun = Instant::now();
        if self.events.send(Event::Order(Order { seq, task })).is_err() {
            self.pending.forget(seq);
            return Err(self.lost(is_submit, "its keeper is gone"));
        }
        match told.recv_timeout(self.deadline) {
            Ok(outcome) => {
                self.breaker.note(&outcome);
                outcome
            }
            Err(RecvTimeoutError::Timeout) => {
                let said = self.pending.said_since(begun);
                let said = said.map(|it| format!(", last saying: {it}")).unwrap_or_default();
                self.give_up(seq, &said);
                let deadline_ms = self.deadline.as_millis();
                let why = format!("it did not answer within {deadline_ms} ms{said}");
                Err(self.lost(is_submit, &why))
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.check_worker()?;
                Err(self.lost(is_submit, &self.pending.epitaph()))
            }
        }
    }

    /// A worker that kept a call past its deadline is stuck in libslurm: nothing but SIGKILL helps.
    fn give_up(&self, seq: u64, said: &str) {
        let Some(generation) = self.pending.forget(seq) else {
            return; // Never sent: somebody else's call is what blocks, and has its own deadline.
        };
        if self.pending.kill(generation, Death::Deadline) {
            self.metrics.worker_kills.with_label_values(&[self.kind.name()]).inc();
            let deadline_ms = self.deadline.as_millis();
            let why = format!("a call took longer than {deadline_ms} ms{said}");
            self.breaker.open(&why);
        }
    }

    /// Refuses while the worker cannot start, in its own words: no caller waits for a broken file.
    fn check_worker(&self) -> Result<(), Refusal> {
        let failed_starts = self.pending.failed_starts();
        if failed_starts == 0 {
            return Ok(());
        }
        self.metrics.calls_failed_fast.with_label_values(&[self.kind.name()]).inc();
        Err(refusal(
            RefusalCode::WorkerReplaced,
            format!(
                "the gateway's {} worker cannot start ({failed_starts} tries): {}; mend what it names, \
                 it is tried again every few seconds, then send the same call again",
                self.kind.name(),
                self.pending.epitaph(),
            ),
        ))
    }

    fn lost(&self, is_submit: bool, why: &str) -> Refusal {
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
        Ok(Slot { line: self })
    }

    fn show(&self, slots: &Slots) {
        let waiting = i64::try_from(slots.waiting).unwrap_or(i64::MAX);
        self.metrics.calls_waiting.with_label_values(&[self.kind.name()]).set(waiting);
    }
}

/// One of the worker's threads, while a call has it.
struct Slot<'line> {
    line: &'line Line,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.line.slots.lock().unwrap_or_else(PoisonError::into_inner).busy -= 1;
        self.line.slot_freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link whose worker is this very test program, which ends at once: it knows no `--cluster`.
    fn hopeless(queue: usize, metrics: &Arc<Metrics>) -> Link {
        let (conf, cluster) = ("/nonexistent".into(), "nowhere".to_owned());
        let command = WorkerCommand { kind: WorkerKind::Ctl, conf, cluster };
        Link::start(command, Duration::from_secs(10), queue, Arc::clone(metrics)).unwrap()
    }

    /// Looks until it is so; a busy machine gets time.
    fn until(mut is_so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(30), "it never came to be");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_worker_that_cannot_start_is_told_in_its_words_and_tried_again() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let link = hopeless(4, &metrics);
        let mut told = None;
        until(|| {
            told = link.call(Task::Ping).err();
            told.as_ref().is_some_and(|it| it.sentence.contains("cannot start"))
        });
        let told = told.unwrap();
        assert_eq!(told.code, RefusalCode::WorkerReplaced);
        assert!(told.sentence.contains("Unrecognized option"), "{told}");
        // Nobody calls any more, and it is tried again all the same.
        let starts = || metrics.worker_starts.with_label_values(&["ctl"]).get();
        let before = starts();
        until(|| starts() > before);
        let deaths = metrics.worker_deaths.with_label_values(&["ctl", "start"]).get();
        assert!(deaths > 0, "its end is counted by its reason");
    }

    #[test]
    fn a_full_queue_is_told_and_nobody_waits() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let link = hopeless(0, &metrics);
        let threads = WorkerKind::Ctl.thread_count();
        let taken: Vec<_> = (0..threads).map(|_| link.line.take_slot().unwrap()).collect();
        assert_eq!(link.line.take_slot().err().unwrap().code, RefusalCode::Busy);
        drop(taken);
        assert!(link.line.take_slot().is_ok());
    }
}
