//! Changes to one job of ours. Making any of them again is no error.
//!
//! Of an array every change is for all its tasks: those that slurmctld has split off and those that
//! still wait in the array's own row.

use std::ffi::c_int;

use serde::{Deserialize, Serialize};
use slurm_wire::{JobRow, JobState, OurJob};

use crate::error::SlurmError;
use crate::session::Session;
use crate::sys;
use crate::text::Loan;

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

/// Makes a change to a job that was looked at just now; `rows` is what slurmctld has of it.
pub fn make(
    session: Session,
    job: &OurJob,
    rows: &[JobRow],
    change: &Change,
) -> Result<(), SlurmError> {
    let job_id = job.job_id;
    match change {
        Change::Release => release(session, job_id, rows),
        Change::Cancel => cancel(session, job_id),
        Change::Hold => hold_waiting(session, job_id, rows),
        Change::Nudge => nudge(session, job_id),
        Change::Qos(qos) => give_qos(session, job_id, qos),
        Change::Suspend => suspend(session, job_id, rows),
        Change::Resume => resume(session, job_id, rows),
        Change::Requeue => requeue(session, job_id, rows),
        Change::TimeLimit(minutes) => set_time_limit(session, job_id, rows, *minutes),
    }
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

/// Holds a job that waits, and none that runs.
///
/// slurmctld takes the hold of a running job without a word: the job goes on, is shown as held, and
/// stays held if it is ever requeued (measured on 22.05).
fn hold_waiting(session: Session, job_id: u32, rows: &[JobRow]) -> Result<(), SlurmError> {
    if rows.iter().any(|row| row.state == JobState::Pending) {
        return hold(session, job_id);
    }
    Err(SlurmError::NotWaiting { job_id })
}

/// Lets a held job start; a job that is no longer held is left alone.
fn release(_session: Session, job_id: u32, rows: &[JobRow]) -> Result<(), SlurmError> {
    if !rows.iter().any(|row| row.state == JobState::Pending && row.held) {
        return Ok(());
    }
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
fn suspend(_session: Session, job_id: u32, rows: &[JobRow]) -> Result<(), SlurmError> {
    let runs = rows.iter().any(|row| row.state == JobState::Running);
    if !runs && rows.iter().any(|row| row.state == JobState::Suspended) {
        return Ok(());
    }
    if !runs {
        return Err(SlurmError::NotRunning { job_id });
    }
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_suspend(job_id) };
    SlurmError::check("slurm_suspend2", code)
}

/// Lets a suspended job go on; one that runs is left alone.
fn resume(_session: Session, job_id: u32, rows: &[JobRow]) -> Result<(), SlurmError> {
    if !rows.iter().any(|row| row.state == JobState::Suspended) {
        let runs = rows.iter().any(|row| row.state == JobState::Running);
        return if runs { Ok(()) } else { Err(SlurmError::NotRunning { job_id }) };
    }
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_resume(job_id) };
    SlurmError::check("slurm_resume2", code)
}

/// Puts a job back into the queue; one that waits is there already.
fn requeue(_session: Session, job_id: u32, rows: &[JobRow]) -> Result<(), SlurmError> {
    if rows.iter().all(|row| row.state == JobState::Pending) {
        return Ok(());
    }
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_requeue(job_id) };
    SlurmError::check("slurm_requeue2", code)
}

/// Gives a job another wall time limit, waiting or running.
fn set_time_limit(
    _session: Session,
    job_id: u32,
    rows: &[JobRow],
    minutes: u32,
) -> Result<(), SlurmError> {
    let open = rows.iter().filter(|row| !row.state.is_over());
    if open.clone().count() > 0 && open.clone().all(|row| row.time_limit_min == Some(minutes)) {
        return Ok(());
    }
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_set_time_limit(job_id, minutes) };
    updated(code)
}

fn updated(code: c_int) -> Result<(), SlurmError> {
    SlurmError::check("slurm_update_job2", code)
}
