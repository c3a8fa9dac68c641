//! The meter: the one thread that talks to NVML, once a second.
//!
//! NVML's calls queue inside the driver and may stall, so nothing else runs on this thread and no
//! other thread calls NVML. The inventory is read again every minute; a GPU that fell off, or a
//! driver that went away, makes the meter load the library anew, while the GPUs it knew go on
//! giving segments that say they are lost.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use agent_wire::{Reading, Segment};

use crate::clock;
use crate::gpu::{Gpu, Part, Sample};
use crate::integrate::{Integrator, Rules};
use crate::keeper::Handover;
use crate::library::{Handle, Library, LibraryError};
use crate::look::Look;
use crate::metrics::Metrics;

/// Ticks between two readings of the inventory.
const INVENTORY_TICKS: u32 = 60;

/// What the meter works with.
pub struct Meter {
    /// NVML.
    pub library_path: PathBuf,
    /// How segments are made.
    pub rules: Rules,
    /// The longest time between two looks at the process list, in milliseconds.
    pub look_every_ms: u64,
    /// Where segments go.
    pub handover: Handover,
    /// The metrics.
    pub metrics: Arc<Metrics>,
}

/// One metered GPU.
struct Metered {
    integrator: Integrator,
    look: Look,
}

/// By UUID.
type Known = BTreeMap<String, Metered>;

/// Why a round of ticks ended.
enum RoundEnd {
    Stopped,
    InventoryIsDue { any_lost: bool },
}

impl Meter {
    /// Meters until `stop` says so or is gone, then closes every segment.
    ///
    /// # Errors
    /// `WrongLabel`, when another library turns up at the same path; all else is waited out.
    pub fn run(&self, library: Library, stop: &Receiver<()>) -> Result<(), LibraryError> {
        let mut known = Known::new();
        let mut library = Some(library);
        let mut rounds_lost = 0_u32;
        loop {
            let (any_lost, stopped) = {
                let handles = match &library {
                    Some(library) => self.take_inventory(library, &mut known)?,
                    None => Vec::new(),
                };
                match self.round(&handles, &mut known, stop) {
                    RoundEnd::Stopped => (false, true),
                    RoundEnd::InventoryIsDue { any_lost } => (any_lost, false),
                }
            };
            if stopped {
                break;
            }
            rounds_lost = if any_lost { rounds_lost + 1 } else { 0 };
            // Seldom and seldomer, because loading anew costs the other GPUs a gap.
            if library.is_none() || rounds_lost.is_power_of_two() {
                // Shut down before starting again, or NVML keeps its stale view of the driver.
                drop(library.take());
                library = self.reopen();
            }
        }
        let segments: Vec<Segment> =
            known.into_values().filter_map(|metered| metered.integrator.finish()).collect();
        self.hand_over(segments);
        Ok(())
    }

    fn reopen(&self) -> Option<Library> {
        Library::open(&self.library_path)
            .inspect(|_| tracing::warn!("a GPU was lost; NVML was loaded anew"))
            .inspect_err(|error| tracing::error!(%error, "a GPU was lost and NVML does not load"))
            .ok()
    }

    /// Finds the GPUs, begins with new ones, and ends MIG instances that are no more.
    fn take_inventory<'nvml>(
        &self,
        library: &'nvml Library,
        known: &mut Known,
    ) -> Result<Vec<Handle<'nvml>>, LibraryError> {
        let inventory = match library.inventory(self.rules.simulated) {
            Ok(inventory) => inventory,
            Err(error @ LibraryError::WrongLabel { .. }) => return Err(error),
            Err(error) => {
                tracing::error!(%error, "no inventory this minute");
                return Ok(Vec::new());
            }
        };
        self.metrics.unreadable(inventory.unreadable.len());
        for unreadable in &inventory.unreadable {
            tracing::error!(reason = %unreadable.source, "{unreadable}");
        }
        for Handle { gpu, .. } in &inventory.handles {
            known.entry(gpu.uuid.clone()).or_insert_with(|| {
                tracing::info!(gpu.uuid, gpu.minor, gpu.name, "metering a GPU");
                self.metrics.found(gpu);
                Metered {
                    integrator: Integrator::new(gpu.clone(), self.rules),
                    look: Look::new(self.look_every_ms),
                }
            });
        }
        let is_here =
            |gpu: &Gpu| inventory.handles.iter().any(|handle| handle.gpu.uuid == gpu.uuid);
        let gone = |_: &String, metered: &mut Metered| {
            let gpu = metered.integrator.gpu();
            gpu.part == Part::MigInstance && !is_here(gpu)
        };
        for (_, metered) in known.extract_if(.., gone) {
            self.hand_over(metered.integrator.finish().into_iter().collect());
        }
        Ok(inventory.handles)
    }

    /// Ticks once a second until the inventory is due.
    fn round(&self, handles: &[Handle<'_>], known: &mut Known, stop: &Receiver<()>) -> RoundEnd {
        let mut any_lost = false;
        for _ in 0..INVENTORY_TICKS {
            any_lost = self.tick(handles, known);
            match stop.recv_timeout(until_next_tick(self.rules.period_ms)) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                    // One more look, so that the last segment reaches to the end.
                    self.tick(handles, known);
                    return RoundEnd::Stopped;
                }
            }
        }
        RoundEnd::InventoryIsDue { any_lost }
    }

    /// Samples every known GPU once; true when one of them is lost.
    fn tick(&self, handles: &[Handle<'_>], known: &mut Known) -> bool {
        let started = clock::stopwatch();
        let mut closed = Vec::new();
        let mut any_lost = false;
        for (uuid, metered) in known.iter_mut() {
            let now = clock::now();
            let sample = match handles.iter().find(|handle| handle.gpu.uuid == *uuid) {
                Some(handle) => handle.sample(now, &mut metered.look),
                None => Sample::without_values(now, Reading::GpuLost),
            };
            any_lost |= sample.lost();
            let step = metered.integrator.take(&sample);
            let gpu = metered.integrator.gpu();
            if step.counter_was_reset {
                tracing::warn!(
                    gpu.uuid,
                    "the energy counter began anew; this sum is a lower bound"
                );
            }
            self.metrics.sampled(gpu, &sample, &step);
            closed.extend(step.closed);
        }
        self.hand_over(closed);
        self.metrics.ticked(started.elapsed());
        any_lost
    }

    fn hand_over(&self, segments: Vec<Segment>) {
        if !segments.is_empty() {
            self.handover.give(segments);
        }
    }
}

/// Ticks are on whole periods of the wall clock, so that segments end where their minute ends.
fn until_next_tick(period_ms: u64) -> Duration {
    let wall_ms = u64::try_from(clock::now().wall.timestamp_millis()).unwrap_or(0);
    let wait_ms = period_ms - wall_ms % period_ms;
    // A wake-up just before the whole period, or long after it, is not followed by a hasty one.
    let is_hasty = wait_ms < period_ms / 4;
    Duration::from_millis(if is_hasty { wait_ms + period_ms } else { wait_ms })
}
