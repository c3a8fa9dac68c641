//! The description of a job that libslurm is handed.

use std::ffi::c_char;
use std::ptr;

use slurm_wire::{JobSpec, TaskArray};

use crate::error::SlurmError;
use crate::frame::Submission;
use crate::session::Session;
use crate::sys;
use crate::text::Loan;

const CALL: &str = "slurm_submit_batch_job";

/// Sends a held job, and returns the id that slurmctld gave it.
pub(super) fn send(_session: Session, submission: &Submission) -> Result<u32, SlurmError> {
    let Submission { spec, explicit_id } = submission;
    let mut loan = Loan::default();
    let environment = environment(&mut loan, spec)?;
    let output =
        |kind: &str| format!("{}/{}", spec.work_dir, output_name(spec, *explicit_id, kind));
    let description = sys::shim_submission {
        admin_comment: loan.lend("key", spec.key.as_str())?,
        account: loan.lend("account", spec.account.as_str())?,
        partition: loan.lend("partition", spec.partition.as_str())?,
        qos: loan.lend_option("qos", spec.qos.as_deref())?,
        reservation: loan.lend_option("reservation", spec.reservation.as_deref())?,
        array: loan.lend_option("array", spec.array.map(task_numbers).as_deref())?,
        name: loan.lend("name", spec.name.as_str())?,
        tres_per_node: loan
            .lend("gpu_type", format!("gres:gpu:{}:{}", spec.gpu_type, spec.gpu_count))?,
        work_dir: loan.lend("work_dir", spec.work_dir.as_str())?,
        std_out: loan.lend("work_dir", output("out"))?,
        std_err: loan.lend("work_dir", output("err"))?,
        script: loan.lend("script", spec.script.as_str())?,
        environment: environment.as_ptr(),
        environment_count: u32::try_from(environment.len()).unwrap_or(u32::MAX),
        deadline: spec.deadline.unwrap_or(0),
        begin_at: spec.begin_at.unwrap_or(0),
        memory_mib: spec.memory_mib.unwrap_or(0),
        job_id: if *explicit_id { spec.job_id } else { 0 },
        uid: spec.uid,
        gid: spec.gid,
        time_limit_min: spec.time_limit_min,
        cpu_count: spec.cpu_count,
        whole_node: u32::from(spec.whole_node),
    };
    let mut job_id = 0;
    // SAFETY: libslurm is initialised. Every pointer is null or lent by `loan` or `environment`,
    // which outlive the call, and libslurm keeps none of them (docs/SAFETY.md, 5).
    let code = unsafe { sys::shim_submit(ptr::from_ref(&description), &mut job_id) };
    SlurmError::check(CALL, code)?;
    Ok(job_id)
}

/// `NAME=value` for each variable. Slurm refuses an empty environment, so PATH is always there.
fn environment(loan: &mut Loan, spec: &JobSpec) -> Result<Vec<*const c_char>, SlurmError> {
    let mut lines = Vec::with_capacity(spec.environment.len() + 1);
    if !spec.environment.contains_key("PATH") {
        lines.push(loan.lend("environment", "PATH=/usr/local/bin:/usr/bin:/bin")?);
    }
    for (name, value) in &spec.environment {
        lines.push(loan.lend("environment", format!("{name}={value}"))?);
    }
    Ok(lines)
}

/// The file that the output goes to, in the work directory. slurmctld replaces `%j` by the job's id
/// and `%a` by the task's number.
fn output_name(spec: &JobSpec, explicit_id: bool, kind: &str) -> String {
    match (&spec.array, explicit_id) {
        (None, true) => format!("job-{}.{kind}", spec.job_id),
        (Some(_), true) => format!("job-{}_%a.{kind}", spec.job_id),
        (None, false) => format!("job-%j.{kind}"),
        (Some(_), false) => format!("job-%A_%a.{kind}"),
    }
}

/// Slurm's way to write the tasks: `0-19%4` are twenty, of which four may run at once.
fn task_numbers(array: TaskArray) -> String {
    let last = array.task_count.saturating_sub(1);
    let at_once = array.at_once.map(|count| format!("%{count}")).unwrap_or_default();
    format!("0-{last}{at_once}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn tasks_are_numbered_from_zero() {
        let array = |task_count, at_once| task_numbers(TaskArray { task_count, at_once });
        assert_eq!(array(20, None), "0-19");
        assert_eq!(array(20, Some(4)), "0-19%4");
        assert_eq!(array(1, Some(1)), "0-0%1");
    }

    #[test]
    fn every_task_writes_a_file_of_its_own() {
        let single = example::spec();
        let array =
            JobSpec { array: Some(TaskArray { task_count: 20, at_once: None }), ..example::spec() };
        assert_eq!(output_name(&single, true, "out"), "job-1000001.out");
        assert_eq!(output_name(&single, false, "err"), "job-%j.err");
        assert_eq!(output_name(&array, true, "out"), "job-1000001_%a.out");
        assert_eq!(output_name(&array, false, "out"), "job-%A_%a.out");
    }
}
