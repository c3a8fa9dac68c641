//! The figures and names of a job, against the bounds.

use slurm_wire::{JobSpec, Refusal, RefusalCode, TaskArray};

use super::{Bounds, FIRST_PERSON, refusal};

const NAME_BYTES: usize = 128;
const ENVIRONMENT_BYTES: usize = 1024 * 1024;
/// `cpus_per_task` of Slurm's protocol has 16 bits, the last three values of which are sentinels.
const CPU_LIMIT: u32 = 65_000;
/// 1 PiB in MiB; far below the bit that turns Slurm's figure into memory per CPU.
const MEMORY_LIMIT_MIB: u64 = 1 << 30;

/// Slurm's times have 32 bits, the last of which are sentinels.
const LAST_TIME: i64 = 0xffff_fff0;

/// The variable that makes Slurm run a login shell for the job: slow, and held on failure.
const LOGIN_SHELL: &str = "SLURM_GET_USER_ENV";

pub(super) fn check(bounds: &Bounds, spec: &JobSpec) -> Result<(), Refusal> {
    person(bounds, spec)?;
    place(bounds, spec)?;
    size(bounds, spec)?;
    bounds.check_key(&spec.key)?;
    name(spec)?;
    environment(spec)
}

fn person(bounds: &Bounds, spec: &JobSpec) -> Result<(), Refusal> {
    let JobSpec { uid, gid, .. } = spec;
    if *uid == 0 || *gid == 0 {
        return Err(refusal(
            RefusalCode::RootUser,
            format!("no job runs as root: uid {uid}, gid {gid}"),
        ));
    }
    if *uid < FIRST_PERSON || *gid < FIRST_PERSON {
        return Err(refusal(
            RefusalCode::SystemUser,
            format!(
                "no job runs as a system user: uid {uid}, gid {gid}, people begin at {FIRST_PERSON}"
            ),
        ));
    }
    let people = bounds.uid_min..=bounds.uid_max;
    if !people.contains(uid) || !people.contains(gid) {
        return Err(refusal(
            RefusalCode::UidOutOfRange,
            format!(
                "uid {uid} and gid {gid} must both be project users, {} to {}",
                bounds.uid_min, bounds.uid_max
            ),
        ));
    }
    Ok(())
}

fn place(bounds: &Bounds, spec: &JobSpec) -> Result<(), Refusal> {
    bounds.check_partition(&spec.partition)?;
    if let Some(qos) = &spec.qos {
        bounds.check_qos_of_job(qos)?;
    }
    if let Some(reservation) = &spec.reservation {
        bounds.check_reservation_name(reservation)?;
    }
    Ok(())
}

fn size(bounds: &Bounds, spec: &JobSpec) -> Result<(), Refusal> {
    if spec.gpu_count == 0 || spec.gpu_count > bounds.max_gpus || !is_gpu_type(&spec.gpu_type) {
        return Err(refusal(
            RefusalCode::TooManyGpus,
            format!(
                "{} GPUs of type {:?}: a job has 1 to {} GPUs of one named type",
                spec.gpu_count, spec.gpu_type, bounds.max_gpus
            ),
        ));
    }
    for (what, at) in [("deadline", spec.deadline), ("begin_at", spec.begin_at)] {
        if at.is_some_and(|at| !(1..LAST_TIME).contains(&at)) {
            return Err(malformed(format!("{what} {at:?} is no time")));
        }
    }
    tasks(bounds, spec)?;
    bounds.check_time_limit(spec.time_limit_min)?;
    let memory_fits = spec.memory_mib.is_none_or(|mib| (1..=MEMORY_LIMIT_MIB).contains(&mib));
    if !(1..=CPU_LIMIT).contains(&spec.cpu_count) || !memory_fits {
        return Err(malformed(format!(
            "{} CPUs and {:?} MiB of memory is not a job",
            spec.cpu_count, spec.memory_mib
        )));
    }
    Ok(())
}

/// Each task has the GPUs and the time of a job, so those bounds hold for each.
fn tasks(bounds: &Bounds, spec: &JobSpec) -> Result<(), Refusal> {
    let Some(TaskArray { task_count, at_once }) = spec.array else {
        return Ok(());
    };
    if at_once == Some(0) {
        return Err(malformed("an array of which no task may run is not a job".to_owned()));
    }
    if (1..=bounds.max_tasks).contains(&task_count) && bounds.max_tasks > 1 {
        return Ok(());
    }
    let sentence = match bounds.max_tasks {
        0 | 1 => "the bounds file allows no arrays ([bounds] max_tasks)".to_owned(),
        most => format!("an array of {task_count} tasks: the limit is 1 to {most}"),
    };
    Err(refusal(RefusalCode::TooManyTasks, sentence))
}

/// A type goes into `gres:gpu:TYPE:N`: nothing in it may end that or begin another request.
fn is_gpu_type(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit());
    !text.is_empty() && text.len() <= 64 && text.bytes().all(plain) && !numeric
}

fn name(spec: &JobSpec) -> Result<(), Refusal> {
    let fits = (1..=NAME_BYTES).contains(&spec.name.len());
    if fits && !spec.name.chars().any(char::is_control) {
        return Ok(());
    }
    Err(malformed(format!("a job name has 1 to {NAME_BYTES} bytes and no control characters")))
}

fn environment(spec: &JobSpec) -> Result<(), Refusal> {
    let mut bytes = 0;
    for (name, value) in &spec.environment {
        let first = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
        let rest = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !name.as_bytes().first().is_some_and(first) || !name.bytes().all(rest) {
            return Err(malformed(format!("{name:?} is not a name of an environment variable")));
        }
        if name == LOGIN_SHELL || value.contains('\0') {
            return Err(malformed(format!("the environment may not set {name} to this")));
        }
        bytes += name.len() + value.len() + 2;
    }
    if bytes > ENVIRONMENT_BYTES {
        return Err(malformed(format!(
            "an environment of {bytes} bytes is above {ENVIRONMENT_BYTES}"
        )));
    }
    Ok(())
}

fn malformed(sentence: String) -> Refusal {
    refusal(RefusalCode::MalformedCall, sentence)
}
