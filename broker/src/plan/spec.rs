//! From an admitted plan to exactly what the gateway is asked to submit.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use quotas::admission::Admitted;
use quotas::project::DataClass;
use slurm_wire::{JobSpec, TaskArray};

use super::{Ask, PlanError};
use crate::accounts::PosixAccount;
use crate::cluster::Place;
use crate::config::Cluster;

/// Most tasks of an array. The gateway's bounds file may allow fewer, and says so by name.
pub(super) const MOST_TASKS: i64 = 100_000;

/// Longest script; the same bound as the gateway's.
const SCRIPT_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// Checks what `sbatch` would check, before anything is held.
pub(super) fn check(ask: &Ask) -> Result<(), PlanError> {
    let fault = if !ask.script.starts_with("#!") {
        Some("must begin with `#!` and the interpreter, as in `#!/bin/bash`")
    } else if ask.script.contains("\r\n") {
        Some("has Windows line ends; save it with Unix line ends")
    } else if ask.script.contains('\0') {
        Some("contains a NUL byte; it must be text")
    } else if ask.script.len() > SCRIPT_LIMIT_BYTES {
        Some("is longer than 4 MiB; put data into the project's area instead")
    } else {
        None
    };
    if let Some(fault) = fault {
        return Err(PlanError::BadScript(fault));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if ask.name.is_empty() || ask.name.len() > 64 || !ask.name.chars().all(plain) {
        return Err(PlanError::BadName);
    }
    let at_once = ask.tasks_at_once.is_none_or(|most| most > 0 && ask.task_count > 1);
    if !(1..=MOST_TASKS).contains(&ask.task_count) || !at_once {
        return Err(PlanError::BadTasks);
    }
    Ok(())
}

/// Checks what holds of a plan that is sent now; one that is tried again may begin at once.
pub(super) fn check_new(ask: &Ask, now: DateTime<Utc>) -> Result<(), PlanError> {
    check(ask)?;
    match ask.begin_at.filter(|begin_at| *begin_at <= now) {
        Some(begin_at) => Err(PlanError::BeginsInThePast(begin_at)),
        None => Ok(()),
    }
}

/// Checks that a plan with a begin can still end before the grants that pay for it.
pub(super) fn check_begin(ask: &Ask, admitted: &Admitted) -> Result<(), PlanError> {
    let latest = admitted.deadline - TimeDelta::seconds(rounded_wall_time_s(ask.wall_time_s));
    match ask.begin_at.filter(|begin_at| *begin_at > latest) {
        Some(begin_at) => Err(PlanError::BeginsTooLate { begin_at, latest }),
        None => Ok(()),
    }
}

/// Slurm's limit is in whole minutes, rounded up; what is held must cover the same.
pub(crate) fn rounded_wall_time_s(wall_time_s: i64) -> i64 {
    let minutes = wall_time_s / 60 + i64::from(wall_time_s % 60 > 0);
    minutes.saturating_mul(60).max(0)
}

/// The job as the gateway will submit it, but for its id and its mark, which are drawn as it is
/// written down.
pub(super) fn job(
    cluster: &Cluster,
    (ask, admitted): (&Ask, &Admitted),
    data_class: DataClass,
    (account, place): (&PosixAccount, Place),
    now: DateTime<Utc>,
) -> JobSpec {
    let bounded = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    let partition = match data_class {
        DataClass::Confidential => cluster.confidential_partition.clone(),
        DataClass::Open => admitted.pool.partition.clone(),
    };
    let gpu_count = bounded(admitted.gpu_count);
    let environment = BTreeMap::from([
        ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("HOME".to_owned(), account.area.join("work").display().to_string()),
        ("USER".to_owned(), account.user.clone()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("MIMER_JOB_PLAN".to_owned(), ask.job_plan_id.to_string()),
        ("MIMER_DATA".to_owned(), account.area.join("data").display().to_string()),
    ]);
    JobSpec {
        job_id: 0,
        key: String::new(),
        uid: account.uid,
        gid: account.gid,
        account: place.account,
        partition,
        qos: place.qos,
        name: ask.name.clone(),
        time_limit_min: bounded(rounded_wall_time_s(ask.wall_time_s) / 60),
        gpu_count,
        gpu_type: admitted.pool.gpu_type.clone(),
        cpu_count: gpu_count.saturating_mul(cluster.cpus_per_gpu),
        memory_mib: None,
        work_dir: account.area.join("work").display().to_string(),
        script: ask.script.clone(),
        environment,
        deadline: Some(admitted.deadline.timestamp()),
        reservation: place.reservation,
        whole_node: admitted.whole_node,
        begin_at: ask.begin_at.filter(|at| *at > now).map(|at| at.timestamp()),
        array: (ask.task_count > 1).then(|| TaskArray {
            task_count: bounded(ask.task_count),
            at_once: ask.tasks_at_once.map(bounded),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_time_is_held_in_whole_minutes_as_slurm_grants_it() {
        assert_eq!([1, 60, 61, 0, -5].map(rounded_wall_time_s), [60, 60, 120, 0, 0]);
    }
}
