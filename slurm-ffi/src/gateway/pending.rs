//! Calls that wait for a worker, and the worker process they wait for.
//!
//! Each start of a worker is a *generation*. A call knows the generation it was sent to, so that
//! the death of one takes its own calls with it and no others.

use std::collections::HashMap;
use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

use crate::frame::{Outcome, WorkerKind};

/// Shared by the callers, the keeper and the reader of one worker.
pub(super) struct Pending {
    kind: WorkerKind,
    calls: Mutex<HashMap<u64, Waiting>>,
    running: Mutex<Option<Running>>,
    last_words: Mutex<String>,
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

impl Pending {
    pub(super) fn new(kind: WorkerKind) -> Self {
        Self {
            kind,
            calls: Mutex::default(),
            running: Mutex::default(),
            last_words: Mutex::default(),
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
        self.hear(""); // Its predecessor's last words are not its own.
        *self.running() = Some(Running { generation, child });
    }

    /// True while that generation lives, as far as anybody has noticed.
    pub(super) fn lives(&self, generation: u64) -> bool {
        self.running().as_ref().is_some_and(|it| it.generation == generation)
    }

    /// Ends and reaps that generation and cuts off its calls; false if somebody else had done so.
    ///
    /// From the first line on it no longer [`Pending::lives`], so no new call is sent to it.
    pub(super) fn bury(&self, generation: u64) -> bool {
        let dead = self.running().take_if(|it| it.generation == generation);
        let found = dead.is_some();
        if let Some(mut dead) = dead {
            // `Child` remembers whether it was reaped, so no stranger's pid is ever signalled.
            let _ = dead.child.kill();
            let status = dead.child.wait();
            let status = status.map_or_else(|error| error.to_string(), |it| it.to_string());
            tracing::warn!(
                worker = self.kind.name(),
                worker.pid = dead.child.id(),
                status,
                "a worker ended; the next call starts another"
            );
        }
        self.calls().retain(|_, call| call.generation != Some(generation));
        found
    }

    /// Remembers what the worker said last on standard error.
    pub(super) fn hear(&self, line: &str) {
        line.clone_into(&mut self.last_words.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What the worker said last on standard error.
    pub(super) fn last_words(&self) -> String {
        self.last_words.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
