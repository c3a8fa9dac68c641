//! Jobs as slurmctld has them now.
//!
//! libslurm builds a reply from many small allocations of its own and frees them all together.
//! `JobReply` owns such a reply, frees it once, and lends nothing beyond its own life: rows are
//! copied before they leave this file.

use std::ffi::CString;
use std::ptr::{self, NonNull};

use slurm_wire::{JobRow, JobState};

use crate::error::SlurmError;
use crate::session::Session;
use crate::text::{self, Lender};
use crate::{gres, number, sys};

/// Reads every job that slurmctld knows.
pub fn load_jobs(_session: Session) -> Result<Vec<JobRow>, SlurmError> {
    Ok(fetch_all(0)?.rows())
}

/// Reads every job, with slurmctld's time of the answer; `None` when none has changed since `since`.
pub fn load_changed(
    _session: Session,
    since: i64,
) -> Result<Option<(Vec<JobRow>, i64)>, SlurmError> {
    match fetch_all(since) {
        Ok(reply) => Ok(Some((reply.rows(), reply.as_of()))),
        Err(error) if error.is(sys::SLURM_NO_CHANGE_IN_DATA) => Ok(None),
        Err(error) => Err(error),
    }
}

fn fetch_all(since: i64) -> Result<JobReply, SlurmError> {
    JobReply::fetch("slurm_load_jobs", |reply| {
        // SAFETY: `reply` is a live out-pointer; libslurm is initialised (the callers were given a
        // `Session`).
        unsafe { sys::shim_load_jobs(since, reply) }
    })
}

/// Reads what was asked for under an id: a job, or every row of an array; empty when slurmctld
/// does not know it.
pub fn load_asked(_session: Session, job_id: u32) -> Result<Vec<JobRow>, SlurmError> {
    let fetched = JobReply::fetch("slurm_load_job", |reply| {
        // SAFETY: as in `fetch_all`.
        unsafe { sys::shim_load_job(job_id, reply) }
    });
    match fetched {
        Ok(reply) => Ok(reply.rows().into_iter().filter(|row| row.asked_id() == job_id).collect()),
        Err(error) if error.is(sys::ESLURM_INVALID_JOB_ID) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A reply whose memory belongs to libslurm's allocator.
///
/// Invariant: `raw` came from a `shim_load_job*` call that succeeded, and has not been freed.
struct JobReply {
    raw: NonNull<sys::shim_jobs_reply>,
}

impl JobReply {
    fn fetch(
        call: &'static str,
        load: impl FnOnce(&mut *mut sys::shim_jobs_reply) -> i32,
    ) -> Result<Self, SlurmError> {
        let mut raw = ptr::null_mut();
        SlurmError::check(call, load(&mut raw))?;
        Ok(Self { raw: NonNull::new(raw).ok_or(SlurmError::NullReply { call })? })
    }

    fn as_of(&self) -> i64 {
        // SAFETY: by the invariant the reply is live.
        unsafe { sys::shim_jobs_as_of(self.raw.as_ptr()) }
    }

    fn rows(&self) -> Vec<JobRow> {
        // SAFETY: by the invariant the reply is live, and `&self` keeps `Drop` from running.
        let count = unsafe { sys::shim_job_count(self.raw.as_ptr()) };
        (0..count).map(|index| self.row(index)).collect()
    }

    fn row(&self, index: u32) -> JobRow {
        let mut view = sys::shim_job::default();
        // SAFETY: the reply is live, and `rows` calls with indexes below its count only.
        unsafe { sys::shim_job_view(self.raw.as_ptr(), index, &mut view) };
        // SAFETY: the strings of the view belong to the reply, which outlives the lender. The
        // reason's text is a constant of libslurm.
        let lender = unsafe { Lender::of(self) };
        let state = number::state(view.state);
        let nodes = lender.copy(view.nodes);
        // A job cancelled before it started carries its end as its start: the nodes tell.
        let has_started = state != JobState::Pending && nodes.is_some();
        let is_over = state.is_over();
        JobRow {
            job_id: view.job_id,
            admin_comment: lender.copy(view.admin_comment),
            state,
            state_reason: (view.reason != 0)
                .then(|| lender.copy(view.reason_text).unwrap_or_else(|| view.reason.to_string())),
            held: state == JobState::Pending && view.priority == 0,
            completing: view.state & sys::JOB_COMPLETING != 0,
            uid: view.uid,
            account: lender.copy(view.account),
            partition: lender.copy(view.partition),
            submitted_at: number::time(view.submitted_at),
            started_at: number::time(view.started_at).filter(|_| has_started),
            // While a job runs this is when it would reach its limit: not an end.
            ended_at: number::time(view.ended_at).filter(|_| is_over),
            restart_count: view.restart_count,
            exit_code: is_over.then(|| number::exit_code(view.wait_status)),
            gpus: self.gpus(index, view.gres_detail_count, nodes.as_deref()),
            tres_alloc: lender.copy(view.tres_alloc),
            mcs_label: lender.copy(view.mcs_label),
            time_limit_min: number::set(view.time_limit_min),
            array_job_id: number::positive(view.array_job_id),
            array_task_id: number::set(view.array_task_id),
        }
    }

    /// The i-th detail belongs to the i-th host of the node list.
    fn gpus(&self, index: u32, detail_count: u32, nodes: Option<&str>) -> Vec<(String, u32)> {
        let mut held = Vec::new();
        // SAFETY: the details belong to the reply, which outlives the lender.
        let lender = unsafe { Lender::of(self) };
        for node_index in 0..detail_count {
            // SAFETY: the reply is live; `index` is below its count, as in `row`. The shim checks
            // `node_index` itself.
            let detail = unsafe { sys::shim_job_gres(self.raw.as_ptr(), index, node_index) };
            let detail = lender.copy(detail).unwrap_or_default();
            let Some(node) = nodes.and_then(|nodes| host_at(nodes, node_index)) else {
                break;
            };
            held.extend(gres::gpu_indexes(&detail).into_iter().map(|gpu| (node.clone(), gpu)));
        }
        held
    }
}

impl Drop for JobReply {
    fn drop(&mut self) {
        // SAFETY: by the invariant this is the reply's only owner and it is freed only here, by
        // Slurm's own destructor.
        unsafe { sys::shim_free_jobs(self.raw.as_ptr()) }
    }
}

/// The `index`-th host of a node list such as `gpu[01-04,07]`.
fn host_at(nodes: &str, index: u32) -> Option<String> {
    let nodes = CString::new(nodes).ok()?;
    let mut buffer = [0_u8; 256]; // A host name has at most 253 bytes (RFC 1035).
    // SAFETY: `nodes` is NUL-terminated and the buffer is live; its true size is passed with it.
    let code = unsafe {
        sys::shim_host_at(nodes.as_ptr(), index, buffer.as_mut_ptr().cast(), buffer.len())
    };
    (code == 0).then(|| text::from_buffer(&buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_a_list_are_counted_from_zero_in_its_order() {
        assert_eq!(host_at("gpu[01-02,07]", 0).as_deref(), Some("gpu01"));
        assert_eq!(host_at("gpu[01-02,07]", 2).as_deref(), Some("gpu07"));
        assert_eq!(host_at("gpu[01-02,07]", 3), None);
    }
}
