//! Changes to one job: hold, release, nudge, another QOS, cancel. Doing any of them again is no error.

use slurm_wire::JobState;

use crate::error::SlurmError;
use crate::session::Session;
use crate::text::Loan;
use crate::{job, sys};

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
    SlurmError::check("slurm_update_job", code)
}

/// Holds a job that waits, and none that runs.
///
/// slurmctld takes the hold of a running job without a word: the job goes on, is shown as held, and
/// stays held if it is ever requeued (measured on 22.05).
pub fn hold_waiting(session: Session, job_id: u32) -> Result<(), SlurmError> {
    match job::load_job(session, job_id)? {
        Some(there) if there.state != JobState::Pending => Err(SlurmError::NotWaiting { job_id }),
        Some(_) | None => hold(session, job_id),
    }
}

/// Lets a held job start; a job that is no longer held is left alone.
pub fn release(session: Session, job_id: u32) -> Result<(), SlurmError> {
    if let Some(there) = job::load_job(session, job_id)?
        && !(there.state == JobState::Pending && there.held)
    {
        return Ok(());
    }
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_release(job_id) };
    SlurmError::check("slurm_update_job", code)
}

/// Has slurmctld schedule now, by an update of the job that changes nothing.
///
/// A limit that was raised wakes nobody: the job it kept waiting starts at the next round of the
/// scheduler, half a minute later and more; after any update of a job, at once (measured on 22.05).
pub fn nudge(_session: Session, job_id: u32) -> Result<(), SlurmError> {
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_nudge(job_id) };
    match SlurmError::check("slurm_update_job", code) {
        // There is nothing left to wake.
        Err(error) if error.is(sys::ESLURM_JOB_FINISHED) => Ok(()),
        outcome => outcome,
    }
}

/// Gives a waiting job another QOS, and with it other limits and another priority; slurmctld refuses
/// it for a job that runs (ESLURM_JOB_NOT_PENDING).
pub fn change_qos(_session: Session, job_id: u32, qos: &str) -> Result<(), SlurmError> {
    let mut loan = Loan::default();
    let qos = loan.lend("qos", qos)?;
    // SAFETY: libslurm is initialised. The name is lent by `loan`, which outlives the call, and
    // libslurm does not keep it (docs/SAFETY.md, 5).
    let code = unsafe { sys::shim_change_qos(job_id, qos) };
    SlurmError::check("slurm_update_job", code)
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
