//! Job records of slurmdbd: every incarnation, which is what is owed.

use std::ffi::CString;

use slurm_wire::{JobRecord, JobState};

use crate::database::{Database, Rows};
use crate::error::SlurmError;
use crate::text::Lender;
use crate::tres::{TresNames, retried};
use crate::{number, sys};

/// Reads all incarnations of the named jobs on one cluster.
///
/// `names` is the caller's memory of TRES names; it is read again when a record has a new number.
pub(crate) fn read(
    database: &Database,
    cluster: &str,
    job_ids: &[u32],
    names: &mut TresNames,
) -> Result<Vec<JobRecord>, SlurmError> {
    if job_ids.is_empty() {
        return Ok(Vec::new()); // To slurmdbd an empty list would mean every job there ever was.
    }
    let cluster = CString::new(cluster).map_err(|_| SlurmError::NulInside { field: "cluster" })?;
    let rows = Rows::read("slurmdb_jobs_get", |rows| {
        // SAFETY: the connection is open and of this thread; the strings and the id array are live
        // for the call, and the array's true length is passed with it.
        unsafe {
            sys::shim_db_records(
                database.raw(),
                cluster.as_ptr(),
                job_ids.as_ptr(),
                job_ids.len(),
                rows,
            )
        }
    })?;
    retried(database, names, |names| copy_all(&rows, names))
}

/// Reads every run of one cluster that made way for another job and ended from `from` on and before
/// `until`, both in seconds since the epoch.
pub(crate) fn read_preempted(
    database: &Database,
    cluster: &str,
    from: i64,
    until: i64,
    names: &mut TresNames,
) -> Result<Vec<JobRecord>, SlurmError> {
    let cluster = CString::new(cluster).map_err(|_| SlurmError::NulInside { field: "cluster" })?;
    let rows = Rows::read("slurmdb_jobs_get", |rows| {
        // SAFETY: the connection is open and of this thread; the string is live for the call.
        unsafe { sys::shim_db_preempted(database.raw(), cluster.as_ptr(), from, until, rows) }
    })?;
    let mut records = retried(database, names, |names| copy_all(&rows, names))?;
    // slurmdbd also gives what only touches the window.
    records.retain(|it| {
        let ended_inside = it.ended_at.is_some_and(|at| (from..until).contains(&at));
        it.state == JobState::Preempted && ended_inside
    });
    Ok(records)
}

/// Reads every run of one cluster that ended from `from` on and before `until`, in seconds since the
/// epoch.
pub(crate) fn read_ended(
    database: &Database,
    cluster: &str,
    from: i64,
    until: i64,
    names: &mut TresNames,
) -> Result<Vec<JobRecord>, SlurmError> {
    let cluster = CString::new(cluster).map_err(|_| SlurmError::NulInside { field: "cluster" })?;
    let rows = Rows::read("slurmdb_jobs_get", |rows| {
        // SAFETY: the connection is open and of this thread; the string is live for the call.
        unsafe { sys::shim_db_ended(database.raw(), cluster.as_ptr(), from, until, rows) }
    })?;
    let mut records = retried(database, names, |names| copy_all(&rows, names))?;
    // slurmdbd takes both ends of the window for inside.
    records.retain(|it| {
        let ended_inside = it.ended_at.is_some_and(|at| (from..until).contains(&at));
        it.state.is_over() && ended_inside
    });
    Ok(records)
}

/// `None` when a record has a TRES number that is not known yet.
fn copy_all(rows: &Rows, names: &TresNames) -> Option<Vec<JobRecord>> {
    let copied = |index: usize| {
        let (record, tres) = copy(rows, index);
        Some(JobRecord { tres: names.named(&tres)?, ..record })
    };
    (0..rows.count()).map(copied).collect()
}

/// One record without its TRES, and the TRES as slurmdbd wrote them.
fn copy(rows: &Rows, index: usize) -> (JobRecord, String) {
    let mut view = sys::shim_record::default();
    // SAFETY: the rows were made by `shim_db_records`, and `index` is below their count.
    unsafe { sys::shim_record_view(rows.raw(), index, &mut view) };
    // SAFETY: the strings of the view belong to the rows, which outlive the lender.
    let lender = unsafe { Lender::of(rows) };
    let state = number::record_state(view.state);
    let tres = lender.copy(view.tres_alloc).unwrap_or_default();
    let record = JobRecord {
        db_index: view.db_index,
        job_id: view.job_id,
        cluster: lender.copy(view.cluster).unwrap_or_default(),
        admin_comment: lender.copy(view.admin_comment),
        account: lender.copy(view.account),
        partition: lender.copy(view.partition),
        user: lender.copy(view.user).or_else(|| Some(view.uid.to_string())),
        state,
        submitted_at: number::time(view.submitted_at),
        // A job cancelled before it started has an end for a start, and was given nothing.
        started_at: number::time(view.started_at).filter(|_| !tres.is_empty()),
        ended_at: number::time(view.ended_at),
        suspended_s: u64::from(view.suspended_s),
        tres: Default::default(),
        nodes: lender.copy(view.nodes).filter(|nodes| nodes != "None assigned"),
        exit_code: state.is_over().then(|| number::exit_code(view.wait_status)),
        array_job_id: number::positive(view.array_job_id),
        array_task_id: number::set(view.array_task_id),
    };
    (record, tres)
}
