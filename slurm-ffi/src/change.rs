//! Changes to one job of ours. Making any of them again is no error.
//!
//! Of an array every change is for all its tasks: those that slurmctld has split off and those that
//! still wait in the array's own row.

use std::ffi::c_int;

use serde::{Deserialize, Serialize};
use slurm_wire::{JobRow, OurJob};

use crate::error::SlurmError;
use crate::session::Session;
use crate::text::Loan;
use crate::{job, sys};

mod target;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Let it start when it may.
    Release,
    /// Cancel it, waiting or running.
    Cancel,
    /// Hold it again, so that its own user cannot release it.
    Hold,
    /// Have slurmctld look at it now.
    Nudge,
    /// Give it another QOS.
    Qos(String),
    /// Stop it for a while, on its nodes.
    Suspend,
    /// Let it go on.
    Resume,
    /// Put it back into the queue.
    Requeue,
    /// Give it another wall time limit, in minutes.
    TimeLimit(u32),
}

impl Change {
    /// True when a row shows whether it has the change.
    const fn is_seen_in_rows(&self) -> bool {
        !matches!(self, Self::Nudge | Self::Qos(_) | Self::Cancel)
    }
}

/// Looks at an array after a change: tasks that were split off meanwhile have missed it.
const LOOKS: usize = 3;

/// Makes a change to a job that was looked at just now; `rows` is what slurmctld has of it.
///
/// An update by number reaches one row: a job, a task that has been split off, or all tasks that have
/// not been (measured on 22.05). So each row that needs the change gets it, and no other.
pub fn make(
    session: Session,
    job: &OurJob,
    rows: &[JobRow],
    change: &Change,
) -> Result<(), SlurmError> {
    if *change == Change::Cancel {
        return cancel(session, job.job_id);
    }
    let is_array = rows.iter().any(|row| row.array_job_id.is_some());
    let mut todo = target::of(change, job.job_id, rows)?;
    for look in 1..=LOOKS {
        for job_id in todo {
            match apply(session, job_id, change) {
                // One task has ended meanwhile: that is no matter of the others'.
                Err(error) if is_array && is_over(&error) => (),
                outcome => outcome?,
            }
        }
        if !is_array || look == LOOKS || !change.is_seen_in_rows() {
            break;
        }
        // Nothing left to change is not an error any more.
        let rows = job::load_asked(session, job.job_id)?;
        todo = target::of(change, job.job_id, &rows).unwrap_or_default();
    }
    Ok(())
}

fn apply(session: Session, job_id: u32, change: &Change) -> Result<(), SlurmError> {
    match change {
        Change::Release => release(session, job_id),
        Change::Cancel => cancel(session, job_id),
        Change::Hold => hold(session, job_id),
        Change::Nudge => nudge(session, job_id),
        Change::Qos(qos) => give_qos(session, job_id, qos),
        Change::Suspend => suspend(session, job_id),
        Change::Resume => resume(session, job_id),
        Change::Requeue => requeue(session, job_id),
        Change::TimeLimit(minutes) => set_time_limit(session, job_id, *minutes),
    }
}

fn is_over(error: &SlurmError) -> bool {
    error.is(sys::ESLURM_ALREADY_DONE) || error.is(sys::ESLURM_JOB_FINISHED)
}

/// Is slurmctld there? Fast even when it is not: a refused connection shows at once.
pub fn ping(_session: Session) -> Result<(), SlurmError> {
    // SAFETY: libslurm is initialised (a `Session` exists).
    let code = unsafe { sys::shim_ping() };
    SlurmError::check("slurm_ping", code)
}

/// Holds a waiting job so that its own user cannot release it.
///
/// A job submitted with priority 0 is held *by its user* (JobHeldUser), whoever submitted it, and
/// `scontrol release` by that user starts it (measured on 22.05).
pub fn hold(_session: Session, job_id: u32) -> Result<(), SlurmError> {
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_hold(job_id) };
    updated(code)
}

/// Lets a held job start.
fn release(_session: Session, job_id: u32) -> Result<(), SlurmError> {
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_release(job_id) };
    updated(code)
}

/// Has slurmctld schedule now, by an update of the job that changes nothing.
///
/// A limit that was raised wakes nobody: the job it kept waiting starts at the next round of the
/// scheduler, half a minute later and more; after any update of a job, at once (measured on 22.05).
fn nudge(_session: Session, job_id: u32) -> Result<(), SlurmError> {
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_nudge(job_id) };
    match updated(code) {
        // There is nothing left to wake.
        Err(error) if error.is(sys::ESLURM_JOB_FINISHED) => Ok(()),
        outcome => outcome,
    }
}

/// Gives a waiting job another QOS, and with it other limits and another priority; slurmctld refuses
/// it for a job that runs (ESLURM_JOB_NOT_PENDING).
fn give_qos(_session: Session, job_id: u32, qos: &str) -> Result<(), SlurmError> {
    let mut loan = Loan::default();
    let qos = loan.lend("qos", qos)?;
    // SAFETY: libslurm is initialised. The name is lent by `loan`, which outlives the call, and
    // libslurm does not keep it (docs/SAFETY.md, 5).
    let code = unsafe { sys::shim_change_qos(job_id, qos) };
    updated(code)
}

/// Cancels a job, waiting or running; a job that is over stays as it is.
pub fn cancel(_session: Session, job_id: u32) -> Result<(), SlurmError> {
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_cancel(job_id) };
    match SlurmError::check("slurm_kill_job2", code) {
        Err(error) if error.is(sys::ESLURM_ALREADY_DONE) => Ok(()),
        outcome => outcome,
    }
}

/// Stops a running job for a while.
fn suspend(_session: Session, job_id: u32) -> Result<(), SlurmError> {
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_suspend(job_id) };
    SlurmError::check("slurm_suspend", code)
}

/// Lets a suspended job go on.
fn resume(_session: Session, job_id: u32) -> Result<(), SlurmError> {
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_resume(job_id) };
    SlurmError::check("slurm_resume", code)
}

/// Puts a running job back into the queue; slurmctld refuses it for a job that was submitted without
/// (ESLURM_DISABLED).
fn requeue(_session: Session, job_id: u32) -> Result<(), SlurmError> {
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_requeue(job_id) };
    SlurmError::check("slurm_requeue", code)
}

/// Gives a job another wall time limit, waiting or running.
fn set_time_limit(_session: Session, job_id: u32, minutes: u32) -> Result<(), SlurmError> {
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_set_time_limit(job_id, minutes) };
    updated(code)
}

fn updated(code: c_int) -> Result<(), SlurmError> {
    SlurmError::check("slurm_update_job", code)
}
