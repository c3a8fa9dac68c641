//! A gateway that is known to be silent: told at once, until a probe is answered.
//!
//! A call that ran past its deadline may have been a slow one. So the gateway is pinged, on a
//! connection of its own; only when that stays unanswered too are calls refused without a try. The
//! gateway answers for Slurm: while it says that slurmctld is away, it is not silent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use slurm_wire::Call;

use super::{Connection, GatewayError, Shared};

/// How long an answer to a ping may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Pause between two pings.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Silence {
    since: Mutex<Option<Instant>>,
    /// True while somebody pings; one is enough.
    probed: AtomicBool,
}

impl Silence {
    pub(super) fn check(&self) -> Result<(), GatewayError> {
        let since = *self.since();
        since.map_or(Ok(()), |since| Err(GatewayError::Silent(since.elapsed())))
    }

    fn begin(&self) {
        self.since().get_or_insert_with(|| {
            tracing::warn!("the Slurm gateway is silent: calls are refused until it answers");
            Instant::now()
        });
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the gateway pinged until it answers, unless that is being done.
pub(super) fn suspect(shared: &Arc<Shared>) {
    if shared.silence.probed.swap(true, Ordering::Relaxed) {
        return;
    }
    // Whoever probes must not keep alive what nobody else needs.
    let shared = Arc::downgrade(shared);
    tokio::spawn(async move {
        loop {
            let Some(shared) = shared.upgrade() else { return };
            if answers(&shared).await {
                let silent = shared.silence.since().take();
                shared.silence.probed.store(false, Ordering::Relaxed);
                if let Some(since) = silent {
                    let silent_ms = since.elapsed().as_millis();
                    tracing::info!(silent_ms, "the Slurm gateway answers again");
                }
                return;
            }
            shared.silence.begin();
            drop(shared);
            tokio::time::sleep(PAUSE).await;
        }
    });
}

/// True if the gateway says anything at all, or is gone for certain: both are known at once.
async fn answers(shared: &Shared) -> bool {
    let ping = async {
        match Connection::open(&shared.door).await {
            Ok(mut connection) => drop(connection.ask(&Call::Ping).await),
            Err(error) => tracing::debug!(%error, "the gateway was pinged"),
        }
    };
    tokio::time::timeout(PATIENCE, ping).await.is_ok()
}
