//! The keeper: the thread that puts segments into the spool, so that no disk ever stalls the meter.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use agent_wire::Segment;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::clock;
use crate::metrics::{Loss, Metrics};
use crate::spool::Spool;

/// Ticks with segments that may wait in memory for the disk: a quarter of an hour of them at least.
const QUEUE_LENGTH: usize = 1_024;

/// Where the meter hands segments over.
#[derive(Clone)]
pub struct Handover {
    queue: SyncSender<Vec<Segment>>,
    metrics: Arc<Metrics>,
}

impl Handover {
    /// Hands segments over without waiting; if the keeper is that far behind, they are lost.
    pub fn give(&self, segments: Vec<Segment>) {
        let lost = match self.queue.try_send(segments) {
            Ok(()) => return,
            Err(TrySendError::Full(lost) | TrySendError::Disconnected(lost)) => lost.len() as u64,
        };
        self.metrics.lost(Loss::Queue, lost);
        tracing::error!(segment_count = lost, "segments lost: the spool's disk does not keep up");
    }
}

/// What the keeper works with.
pub struct Keeper {
    /// The spool, shared with the courier.
    pub spool: Arc<Mutex<Spool>>,
    /// Tells the courier that there is something.
    pub arrived: Arc<Notify>,
    /// The kernel's boot id.
    pub boot_id: Uuid,
    /// The metrics.
    pub metrics: Arc<Metrics>,
}

impl Keeper {
    /// Starts the thread. It ends when every [`Handover`] is gone and all is on disk.
    pub fn start(self) -> std::io::Result<(Handover, std::thread::JoinHandle<()>)> {
        let (queue, segments) = sync_channel(QUEUE_LENGTH);
        let handover = Handover { queue, metrics: Arc::clone(&self.metrics) };
        let thread = std::thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || self.keep(&segments))?;
        Ok((handover, thread))
    }

    fn keep(&self, queue: &Receiver<Vec<Segment>>) {
        while let Ok(mut segments) = queue.recv() {
            // What piled up meanwhile goes to the disk in the same step.
            segments.extend(queue.try_iter().flatten());
            self.append(segments);
            self.arrived.notify_one();
        }
    }

    fn append(&self, segments: Vec<Segment>) {
        let count = segments.len() as u64;
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        match spool.append(self.boot_id, segments, clock::now().wall) {
            Ok(dropped) => {
                self.metrics.dropped(dropped);
                if dropped.full + dropped.aged > 0 {
                    let (full, aged) = (dropped.full, dropped.aged);
                    tracing::error!(full, aged, "undelivered segments dropped from the spool");
                }
            }
            Err(error) => {
                self.metrics.lost(Loss::Disk, count);
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::error!(error, segment_count = count, "segments lost");
            }
        }
        self.metrics.spool(&spool);
    }
}
