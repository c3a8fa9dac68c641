//! The gateway's supervisor: callers on one side, replaceable workers on the other.
//!
//! Plain threads: one per caller, a few per worker, one per way to call. It never calls libslurm and
//! keeps no state that matters: killing it with SIGKILL at any moment is harmless. Its workers end
//! with it, and a call that was under way is one whose outcome is not known, which every caller must
//! be ready for.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::bounds::{BoundsFile, BoundsFileError};
use crate::frame::WorkerKind;
use crate::metrics::{self, Metrics};

mod accounts;
mod admission;
mod breaker;
mod death;
mod desk;
mod dialogue;
mod ear;
mod fault;
mod keeper;
mod link;
mod pace;
mod pending;
mod socket;
mod spoken;
mod standing;
mod tls;
mod wire;

use desk::Desk;
use keeper::WorkerCommand;
use link::Link;
pub use socket::SocketError;
pub use tls::TlsError;

/// Why the gateway did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The bounds file is not one to trust.
    #[error(transparent)]
    BoundsFile(#[from] BoundsFileError),
    /// Slurm's configuration is not there.
    #[error("Slurm's configuration {path} cannot be read; name a readable file in [slurm] conf")]
    SlurmConf {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The socket could not be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// Callers over TLS cannot be served.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Two metrics with one name: a fault of this program.
    #[error("the metrics could not be registered")]
    Metrics(#[from] prometheus::Error),
    /// The metrics' address could not be had.
    #[error("/metrics cannot be served on {address}")]
    MetricsAddress {
        /// The address.
        address: std::net::SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A listener's thread ended: a fault of this program.
    #[error("the gateway's listener ended by itself; start the gateway again and report this")]
    Listener,
    /// A thread could not be had.
    #[error("the gateway could not start a thread")]
    Thread(#[from] io::Error),
}

/// Runs the gateway; returns only if it cannot start.
pub fn run(config: &Path) -> Result<std::convert::Infallible, GatewayError> {
    let file = BoundsFile::read(config)?;
    std::fs::File::open(&file.slurm.conf)
        .map_err(|source| GatewayError::SlurmConf { path: file.slurm.conf.clone(), source })?;
    let metrics = Arc::new(Metrics::new()?);
    if let Some(address) = file.metrics {
        let bound = metrics::serve(Arc::clone(&metrics), address)
            .map_err(|source| GatewayError::MetricsAddress { address, source })?;
        tracing::info!(address = %bound, "serving /metrics");
    }
    let socket = match &file.socket {
        Some(path) => Some(socket::Listener::bind(path, file.socket_gid)?),
        None => None,
    };
    let tls = file.tls.as_ref().map(tls::Listener::bind).transpose()?;
    let ctl = link(&file, WorkerKind::Ctl, &metrics)?;
    let dbd = link(&file, WorkerKind::Dbd, &metrics)?;
    let desk = Arc::new(Desk::new(file, ctl, dbd, metrics));
    let first_look = Arc::clone(&desk);
    thread::Builder::new()
        .name("first-look".to_owned())
        .spawn(move || first_look.log_setting_faults())?;
    let mut serving = Vec::new();
    if let Some(socket) = socket {
        let desk = Arc::clone(&desk);
        let thread = thread::Builder::new().name("socket".to_owned());
        serving.push(thread.spawn(move || -> () { socket.serve(&desk) })?);
    }
    if let Some(tls) = tls {
        tracing::info!(address = %tls.address()?, "serving callers over TLS");
        let thread = thread::Builder::new().name("tls".to_owned());
        serving.push(thread.spawn(move || -> () { tls.serve(&desk) })?);
    }
    tracing::info!(config = %config.display(), "the gateway is ready");
    // Neither returns; a panic in one ends the gateway, and whoever supervises it starts it again.
    while serving.iter().all(|it| !it.is_finished()) {
        thread::park_timeout(Duration::from_secs(1));
    }
    Err(GatewayError::Listener)
}

fn link(file: &BoundsFile, kind: WorkerKind, metrics: &Arc<Metrics>) -> io::Result<Link> {
    let deadline_ms = match kind {
        WorkerKind::Ctl => file.slurm.ctl_deadline_ms,
        WorkerKind::Dbd => file.slurm.dbd_deadline_ms,
    };
    let command = WorkerCommand {
        kind,
        conf: file.slurm.conf.clone(),
        cluster: file.slurm.cluster.to_ascii_lowercase(),
    };
    let queue = usize::try_from(file.slurm.queue).unwrap_or(usize::MAX);
    Link::start(command, Duration::from_millis(deadline_ms), queue, Arc::clone(metrics))
}
