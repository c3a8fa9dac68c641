//! Changes to one job: hold, release and cancel. Doing any of them again is no error.

use slurm_wire::JobState;

use crate::error::SlurmError;
use crate::session::Session;
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

/// Cancels a job, waiting or running; a job that is over stays as it is.
pub fn cancel(_session: Session, job_id: u32) -> Result<(), SlurmError> {
    // SAFETY: libslurm is initialised; no pointer is passed.
    let code = unsafe { sys::shim_cancel(job_id) };
    match SlurmError::check("slurm_kill_job2", code) {
        Err(error) if error.is(sys::ESLURM_ALREADY_DONE) => Ok(()),
        outcome => outcome,
    }
}
