//! A worker process: the only kind that calls libslurm.
//!
//! Orders come on standard input and outcomes go to standard output, one JSON line each. The
//! worker ends when its input does, when its parent dies, and whenever libslurm decides to end it;
//! the supervisor starts another.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::Signal;

use crate::error::SlurmError;
use crate::frame::{Done, Order, Product, READY, WorkerKind};
use crate::handle::SlurmHandle;
use crate::session::{Session, SessionError};

mod accounting;
mod breaker;
mod controller;
mod mirror;

use accounting::AccountingSeat;
use controller::{ControllerSeat, Shared};

/// Why a worker could not begin.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// libslurm could not be initialised.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// slurmctld gave the probe no answer.
    #[error(transparent)]
    Slurm(#[from] SlurmError),
    /// A pipe or a thread could not be had.
    #[error("the worker could not be set up")]
    System(#[from] io::Error),
}

/// Works until standard input ends.
pub fn run(kind: WorkerKind, conf: &Path, cluster: &str) -> Result<(), WorkerError> {
    // Whoever kills the supervisor with SIGKILL shall not leave us behind. The parent *thread* is
    // meant by the kernel; the supervisor starts workers from threads that live as long as it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(io::Error::from)?;
    let output = take_standard_output()?;
    let session = Session::start(conf)?;
    let handle = match kind {
        WorkerKind::Ctl => {
            let shared = Arc::new(Shared::default());
            SlurmHandle::start(kind.thread_count(), move || {
                ControllerSeat::new(session, Arc::clone(&shared))
            })?
        }
        WorkerKind::Dbd => {
            let cluster = cluster.to_owned();
            SlurmHandle::start(kind.thread_count(), move || {
                AccountingSeat::new(session, cluster.clone())
            })?
        }
    };
    let output = Arc::new(Mutex::new(output));
    write(&output, &Done { seq: READY, outcome: Ok(Product::Nothing) });
    for line in io::stdin().lock().lines() {
        let order: Order = serde_json::from_str(&line?).map_err(io::Error::from)?;
        let output = Arc::clone(&output);
        handle.give(order.task, move |outcome| {
            write(&output, &Done { seq: order.seq, outcome });
        });
    }
    Ok(())
}

fn write(output: &Mutex<File>, done: &Done) {
    let mut line =
        serde_json::to_vec(done).expect("the outcome has no map with keys other than strings");
    line.push(b'\n');
    let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
    // A supervisor that is gone needs no answer, and this process is about to end.
    let _ = output.write_all(&line);
}

/// Keeps the pipe to the supervisor for ourselves: what libslurm or a plugin prints goes to
/// standard error, where it is logged.
pub(crate) fn take_standard_output() -> io::Result<File> {
    let pipe = rustix::io::dup(io::stdout())?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(pipe))
}
