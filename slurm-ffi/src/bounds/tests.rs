//! A hostile broker against the bounds: every refusal by its own name.

use slurm_wire::RefusalCode::{self, *};
use slurm_wire::TaskArray;

use super::*;
use crate::example;

/// The example file's bounds, over a real directory.
fn site() -> (tempfile::TempDir, Bounds) {
    let disk = tempfile::tempdir().unwrap();
    std::fs::create_dir(disk.path().join("register")).unwrap();
    let file: BoundsFile = toml::from_str(include_str!("../../docs/bounds.example.toml")).unwrap();
    let work_dir_prefix = disk.path().to_owned();
    (disk, Bounds { work_dir_prefix, ..file.bounds })
}

/// What the gateway says to the good job after `spoil` has been at it.
fn answer(spoil: impl FnOnce(&mut JobSpec)) -> Result<(), RefusalCode> {
    let (_disk, bounds) = site();
    let work_dir = format!("{}/register", bounds.work_dir_prefix.display());
    let mut spec = JobSpec { work_dir, ..example::spec() };
    spoil(&mut spec);
    let checked = bounds.check_job(&spec).and_then(|()| bounds.check_job_id(spec.job_id));
    checked.map_err(|refusal| refusal.code)
}

#[test]
fn a_good_job_passes() {
    assert_eq!(answer(|_| ()), Ok(()));
    assert_eq!(answer(|job| job.qos = Some("normal".into())), Ok(()));
    assert_eq!(answer(|job| job.qos = Some("mimer_register".into())), Ok(()));
    assert_eq!(answer(|job| job.reservation = Some("mimer_0123456789ab".into())), Ok(()));
    assert_eq!(answer(|job| job.deadline = Some(1_900_000_000)), Ok(()));
    assert_eq!(answer(|job| job.begin_at = Some(1_900_000_000)), Ok(()));
}

#[test]
fn nobody_runs_as_root() {
    assert_eq!(answer(|job| job.uid = 0), Err(RootUser));
    assert_eq!(answer(|job| job.gid = 0), Err(RootUser));
}

#[test]
fn nobody_runs_as_a_system_user() {
    assert_eq!(answer(|job| job.uid = 33), Err(SystemUser));
    assert_eq!(answer(|job| job.uid = 999), Err(SystemUser));
    assert_eq!(answer(|job| job.gid = 42), Err(SystemUser));
}

#[test]
fn nobody_runs_as_a_person_who_is_not_the_brokers() {
    for uid in [1000, 19_999, 30_000, u32::MAX] {
        assert_eq!(answer(|job| job.uid = uid), Err(UidOutOfRange));
        assert_eq!(answer(|job| job.gid = uid), Err(UidOutOfRange));
    }
}

#[test]
fn ids_of_others_are_refused() {
    for job_id in [0, 999_999, 10_000_000, u32::MAX] {
        assert_eq!(answer(|job| job.job_id = job_id), Err(JobIdOutOfRange));
    }
}

#[test]
fn foreign_partitions_are_refused_and_lists_are_foreign() {
    for partition in ["cpu", "", "gpu,cpu", "GPU"] {
        assert_eq!(answer(|job| job.partition = partition.into()), Err(ForeignPartition));
    }
}

#[test]
fn foreign_qos_are_refused() {
    for qos in ["crisis", "", "normal,crisis"] {
        assert_eq!(answer(|job| job.qos = Some(qos.into())), Err(ForeignQos));
    }
}

#[test]
fn foreign_reservations_and_times_that_are_none_are_refused() {
    for name in ["maintenance", "", "mimer_", "mimer_a,maintenance"] {
        assert_eq!(answer(|job| job.reservation = Some(name.into())), Err(ForeignReservation));
    }
    for time in [-1, 0, i64::MAX, 4_294_967_294] {
        assert_eq!(answer(|job| job.deadline = Some(time)), Err(MalformedCall));
        assert_eq!(answer(|job| job.begin_at = Some(time)), Err(MalformedCall));
    }
}

#[test]
fn gpus_are_counted_and_typed() {
    assert_eq!(answer(|job| job.gpu_count = 0), Err(TooManyGpus));
    assert_eq!(answer(|job| job.gpu_count = 9), Err(TooManyGpus));
    for gpu_type in ["", "h200:8,gres:nic", "h200:8", "h200 ", "4"] {
        assert_eq!(answer(|job| job.gpu_type = gpu_type.into()), Err(TooManyGpus), "{gpu_type}");
    }
}

#[test]
fn wall_time_has_a_cap_and_a_floor() {
    assert_eq!(answer(|job| job.time_limit_min = 4320), Ok(()));
    assert_eq!(answer(|job| job.time_limit_min = 4321), Err(TimeLimitTooLong));
    assert_eq!(answer(|job| job.time_limit_min = 0), Err(TimeLimitTooLong));
    assert_eq!(answer(|job| job.time_limit_min = u32::MAX), Err(TimeLimitTooLong));
}

#[test]
fn tasks_are_counted_and_a_file_that_does_not_name_them_allows_none() {
    let tasks = |task_count, at_once| {
        move |job: &mut JobSpec| {
            job.array = Some(TaskArray { task_count, at_once });
        }
    };
    for task_count in [1, 20, 1000] {
        assert_eq!(answer(tasks(task_count, None)), Ok(()));
        assert_eq!(answer(tasks(task_count, Some(4))), Ok(()));
    }
    for task_count in [0, 1001, u32::MAX] {
        assert_eq!(answer(tasks(task_count, None)), Err(TooManyTasks));
    }
    assert_eq!(answer(tasks(20, Some(0))), Err(MalformedCall));
    // The bounds on GPUs and time are each task's.
    assert_eq!(
        answer(|job| {
            tasks(20, None)(job);
            job.gpu_count = 9;
        }),
        Err(TooManyGpus)
    );
    let (_disk, bounds) = site();
    let work_dir = format!("{}/register", bounds.work_dir_prefix.display());
    let mut spec = JobSpec { work_dir, ..example::spec() };
    tasks(1, None)(&mut spec);
    let refused = Bounds { max_tasks: 1, ..bounds }.check_job(&spec).unwrap_err();
    assert_eq!(refused.code, TooManyTasks);
}

#[test]
fn scripts_are_checked_as_sbatch_would() {
    let long = format!("#!/bin/sh\n{}", "#".repeat(4 * 1024 * 1024));
    for script in ["", " \n", "echo hi\n", "#!/bin/sh\r\ntrue\r\n", "#!/bin/sh\n\0", &long] {
        assert_eq!(answer(|job| job.script = script.into()), Err(BadScript));
    }
}

#[test]
fn a_key_is_the_brokers_and_plain() {
    let long = format!("mimer:{}", "x".repeat(128));
    for key in ["", "mimer:", "other:1", "mimer:\n", "mimer:å", "mimer:a b", &long] {
        assert_eq!(answer(|job| job.key = key.into()), Err(BadKey), "{key:?}");
    }
}

#[test]
fn a_work_directory_elsewhere_is_refused() {
    for work_dir in ["/etc", "/", "", "register", "/srv/mimer/projects/../../etc"] {
        assert_eq!(answer(|job| job.work_dir = work_dir.into()), Err(WorkDirOutsidePrefix));
    }
}

#[test]
fn what_no_person_would_write_is_malformed() {
    assert_eq!(answer(|job| job.cpu_count = 0), Err(MalformedCall));
    assert_eq!(answer(|job| job.cpu_count = 65_536), Err(MalformedCall));
    assert_eq!(answer(|job| job.memory_mib = Some(1 << 63)), Err(MalformedCall));
    assert_eq!(answer(|job| job.memory_mib = Some(0)), Err(MalformedCall));
    assert_eq!(answer(|job| job.name = String::new()), Err(MalformedCall));
    assert_eq!(answer(|job| job.name = "a\nb".into()), Err(MalformedCall));
    for name in ["", "1A", "A=B", "A\0", "SLURM_GET_USER_ENV"] {
        let set = |job: &mut JobSpec| drop(job.environment.insert(name.into(), "1".into()));
        assert_eq!(answer(set), Err(MalformedCall), "{name:?}");
    }
    let long = |job: &mut JobSpec| drop(job.environment.insert("A".into(), "x".repeat(1 << 20)));
    assert_eq!(answer(long), Err(MalformedCall));
}
