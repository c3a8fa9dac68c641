//! Letting callers in, whichever way they came: counted, each on a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use slurm_wire::{Refusal, RefusalCode};

use super::desk::Desk;
use super::dialogue;
use super::wire::{Stream, Wire};
use crate::bounds::refusal;

/// Callers of one kind who are not let in yet, at once; more are sent off without a word.
const ON_THE_STEP: usize = 32;

/// What a transport found out about a caller before they said a word.
pub(super) type Known = Result<(), Refusal>;

/// Where callers of one kind wait until it is known who they are. Each kind has its own, so that
/// strangers on the network cannot crowd out the broker on the socket.
#[derive(Clone, Default)]
pub(super) struct Doorstep {
    count: Arc<AtomicUsize>,
}

impl Doorstep {
    /// Starts a caller's thread; `meet` finds out who they are and hands over the connection.
    pub(super) fn receive<S: Stream>(
        &self,
        desk: &Arc<Desk>,
        meet: impl FnOnce() -> io::Result<(S, Known)> + Send + 'static,
    ) {
        let Some(waiting) = Waiting::on(self) else {
            tracing::warn!("too many callers wait to be let in: one was sent off");
            return;
        };
        let desk = Arc::clone(desk);
        let talking = thread::Builder::new().name("caller".to_owned()).spawn(move || {
            let talked = meet().and_then(|(stream, known)| admit(&desk, stream, known, waiting));
            if let Err(error) = talked {
                tracing::debug!(error = %error, "a caller hung up, or was cut off");
            }
        });
        if let Err(error) = talking {
            tracing::error!(error = %error, "no thread for a caller: the connection was closed");
        }
    }
}

fn admit<S: Stream>(desk: &Arc<Desk>, stream: S, known: Known, waiting: Waiting) -> io::Result<()> {
    let wire = Wire::over(stream);
    if let Err(refusal) = known {
        desk.metrics.callers_refused.inc();
        return dialogue::turn_away(wire, &refusal);
    }
    let Some(presence) = Presence::of(desk) else {
        let busy = refusal(RefusalCode::Busy, "the gateway has too many connections");
        return dialogue::turn_away(wire, &busy);
    };
    drop(waiting);
    dialogue::talk(&presence.desk, wire)
}

/// A place on the doorstep, taken.
struct Waiting {
    count: Arc<AtomicUsize>,
}

impl Waiting {
    fn on(step: &Doorstep) -> Option<Self> {
        let before = step.count.fetch_add(1, Ordering::Relaxed);
        let waiting = Self { count: Arc::clone(&step.count) };
        (before < ON_THE_STEP).then_some(waiting)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One open connection, counted.
struct Presence {
    desk: Arc<Desk>,
}

impl Presence {
    /// `None` when there are as many as the bounds file allows.
    fn of(desk: &Arc<Desk>) -> Option<Self> {
        // Counted first and looked at then: two at once never both take the last place.
        desk.metrics.connections.inc();
        let presence = Self { desk: Arc::clone(desk) };
        (desk.metrics.connections.get() <= desk.max_connections()).then_some(presence)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.desk.metrics.connections.dec();
    }
}
