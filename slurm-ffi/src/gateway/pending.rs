//! Calls that wait for a worker, and the worker process they wait for.
//!
//! Each start of a worker is a *generation*. A call knows the generation it was sent to, so that
//! the death of one takes its own calls with it and no others.

use std::collections::HashMap;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Instant;

use super::death::Death;
use crate::frame::{Outcome, WorkerKind};
use crate::metrics::Metrics;

/// Shared by the callers, the keeper and the reader of one worker.
pub(super) struct Pending {
    kind: WorkerKind,
    metrics: Arc<Metrics>,
    calls: Mutex<HashMap<u64, Waiting>>,
    running: Mutex<Option<Running>>,
    health: Mutex<Health>,
}

struct Waiting {
    /// `None` until the order was sent.
    generation: Option<u64>,
    tell: mpsc::SyncSender<Outcome>,
}

struct Running {
    generation: u64,
    child: Child,
}

/// How the worker has fared lately.
#[derive(Clone, Default)]
struct Health {
    /// Starts in a row that ended before the worker was ready.
    failed_starts: u32,
    /// What the last one that died said last, and how it died.
    epitaph: String,
    /// The last grave thing that the living one said, and when.
    said: Option<(Instant, String)>,
}

impl Pending {
    pub(super) fn new(kind: WorkerKind, metrics: Arc<Metrics>) -> Self {
        Self {
            kind,
            metrics,
            calls: Mutex::default(),
            running: Mutex::default(),
            health: Mutex::default(),
        }
    }

    /// Registers a call; the receiver gets its outcome, or is cut off when the worker is lost.
    pub(super) fn expect(&self, seq: u64) -> mpsc::Receiver<Outcome> {
        let (tell, told) = mpsc::sync_channel(1);
        self.calls().insert(seq, Waiting { generation: None, tell });
        told
    }

    /// Gives up a call; returns the generation it was sent to.
    pub(super) fn forget(&self, seq: u64) -> Option<u64> {
        self.calls().remove(&seq).and_then(|call| call.generation)
    }

    /// Notes that a call is being sent; false if nobody waits for it any more.
    pub(super) fn mark(&self, seq: u64, generation: u64) -> bool {
        let mut calls = self.calls();
        let call = calls.get_mut(&seq);
        call.map(|call| call.generation = Some(generation)).is_some()
    }

    /// Hands an outcome to its caller.
    pub(super) fn settle(&self, seq: u64, outcome: Outcome) {
        if let Some(call) = self.calls().remove(&seq) {
            // A caller that gave up in this instant has been answered already.
            let _ = call.tell.try_send(outcome);
        }
    }

    /// Takes charge of a new process.
    pub(super) fn adopt(&self, generation: u64, child: Child) {
        *self.running() = Some(Running { generation, child });
    }

    /// True while that generation lives, as far as anybody has noticed.
    pub(super) fn lives(&self, generation: u64) -> bool {
        self.running().as_ref().is_some_and(|it| it.generation == generation)
    }

    /// Notes that the worker can work: what ailed its predecessors is mended.
    pub(super) fn note_ready(&self) {
        let failed_starts = std::mem::take(&mut self.health().failed_starts);
        if failed_starts > 0 {
            tracing::info!(worker = self.kind.name(), failed_starts, "a worker can start again");
        }
    }

    /// How many starts in a row have failed.
    pub(super) fn failed_starts(&self) -> u32 {
        self.health().failed_starts
    }

    /// Remembers a grave word of the worker's.
    pub(super) fn hear(&self, text: &str) {
        self.health().said = Some((Instant::now(), text.to_owned()));
    }

    /// The last grave word since then: what a call hangs on is often said there.
    pub(super) fn said_since(&self, since: Instant) -> Option<String> {
        let said = self.health().said.clone();
        said.filter(|(at, _)| *at >= since).map(|(_, text)| text)
    }

    /// Why the last worker ended, in a sentence.
    pub(super) fn epitaph(&self) -> String {
        self.health().epitaph.clone()
    }

    /// Ends and reaps a generation whose output has ended, and cuts off its calls.
    pub(super) fn bury(&self, generation: u64, worked: bool, last_words: &str) {
        self.end(generation, last_words, |status| Death::of(status, worked));
    }

    /// Kills a generation for a reason of our own; false if somebody else had done so.
    ///
    /// From the first line on it no longer [`Pending::lives`], so no new call is sent to it.
    pub(super) fn kill(&self, generation: u64, why: Death) -> bool {
        self.end(generation, "", |_| why)
    }

    fn end(
        &self,
        generation: u64,
        last_words: &str,
        death: impl Fn(std::process::ExitStatus) -> Death,
    ) -> bool {
        let dead = self.running().take_if(|it| it.generation == generation);
        let found = dead.is_some();
        if let Some(mut dead) = dead {
            // `Child` remembers whether it was reaped, so no stranger's pid is ever signalled.
            let _ = dead.child.kill();
            let death = dead.child.wait().map_or(Death::Garbled, death);
            self.note_death(dead.child.id(), death, last_words);
        }
        self.calls().retain(|_, call| call.generation != Some(generation));
        found
    }

    fn note_death(&self, pid: u32, death: Death, last_words: &str) {
        let kind = self.kind.name();
        self.metrics.worker_deaths.with_label_values(&[kind, death.reason()]).inc();
        let mut health = self.health();
        health.failed_starts = match death {
            Death::Start | Death::Garbled => health.failed_starts.saturating_add(1),
            Death::Deadline | Death::SymbolLookup | Death::Signal(_) | Death::Exit(_) => 0,
        };
        health.epitaph = match last_words {
            "" => death.to_string(),
            words => format!("{death}, last saying: {words}"),
        };
        match death {
            Death::Start => tracing::error!(
                worker = kind,
                worker.pid = pid,
                failed_starts = health.failed_starts,
                reason = last_words,
                "a worker cannot start: mend what it says, it is tried again every few seconds"
            ),
            _ => tracing::warn!(
                worker = kind,
                worker.pid = pid,
                reason = health.epitaph,
                "a worker ended and is replaced"
            ),
        }
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
