//! What a hostile broker tries with jobs.

use slurm_wire::{Call, JobSpec, OurJob, RefusalCode, TaskArray};

use super::ground::Ground;
use super::table::{Case, NO_SENSE, SCRIPT};

/// Around the range of `ground.rs`.
const BELOW: u32 = 99_999;
const ABOVE: u32 = 10_000_000;

pub(crate) fn submit(good: &JobSpec, ground: &Ground) -> Vec<Case> {
    // A new field does not compile until somebody has asked which bound it needs.
    let JobSpec {
        job_id: _,
        key: _,
        uid: _,
        gid: _,
        account: _,
        partition: _,
        qos: _,
        name: _,
        time_limit_min: _,
        gpu_count: _,
        gpu_type: _,
        cpu_count: _,
        memory_mib: _,
        work_dir: _,
        script: _,
        environment: _,
        deadline: _,
        reservation: _,
        whole_node: _,
        begin_at: _,
        array: _,
    } = good;
    let spoiled = |bound, code, spoil: &dyn Fn(&mut JobSpec)| {
        let mut spec = JobSpec { job_id: 100_003, ..good.clone() };
        spoil(&mut spec);
        Case::new(bound, Call::Submit(Box::new(spec)), code)
    };
    let mut cases = vec![
        spoiled("uid_min", RefusalCode::RootUser, &|it| it.uid = 0),
        spoiled("uid_min", RefusalCode::RootUser, &|it| it.gid = 0),
        spoiled("uid_min", RefusalCode::SystemUser, &|it| it.uid = 33),
        spoiled("uid_min", RefusalCode::SystemUser, &|it| it.gid = 999),
        spoiled("uid_min", RefusalCode::UidOutOfRange, &|it| it.uid = 61_000),
        spoiled("uid_max", RefusalCode::UidOutOfRange, &|it| it.uid = 61_100),
        spoiled("uid_max", RefusalCode::UidOutOfRange, &|it| it.gid = u32::MAX),
        spoiled("partitions", RefusalCode::ForeignPartition, &|it| {
            it.partition = "research".into();
        }),
        spoiled("partitions", RefusalCode::ForeignPartition, &|it| {
            it.partition = "confidential,research".into();
        }),
        spoiled("partitions", RefusalCode::ForeignPartition, &|it| it.partition.clear()),
        spoiled("qos", RefusalCode::ForeignQos, &|it| it.qos = Some("normal".into())),
        spoiled("reservation_prefix", RefusalCode::ForeignReservation, &|it| {
            it.reservation = Some("maintenance".into());
        }),
        spoiled("job_id_min", RefusalCode::JobIdOutOfRange, &|it| it.job_id = BELOW),
        spoiled("job_id_min", RefusalCode::JobIdOutOfRange, &|it| it.job_id = 0),
        spoiled("job_id_max", RefusalCode::JobIdOutOfRange, &|it| it.job_id = ABOVE),
        spoiled("job_id_max", RefusalCode::JobIdOutOfRange, &|it| it.job_id = u32::MAX),
        spoiled("max_gpus", RefusalCode::TooManyGpus, &|it| it.gpu_count = 5),
        spoiled("max_gpus", RefusalCode::TooManyGpus, &|it| it.gpu_count = 0),
        spoiled("max_wall_time_min", RefusalCode::TimeLimitTooLong, &|it| it.time_limit_min = 61),
        spoiled("max_wall_time_min", RefusalCode::TimeLimitTooLong, &|it| it.time_limit_min = 0),
        spoiled("max_wall_time_min", RefusalCode::TimeLimitTooLong, &|it| {
            it.time_limit_min = u32::MAX;
        }),
        spoiled("max_tasks", RefusalCode::TooManyTasks, &|it| it.array = tasks(21)),
        spoiled("max_tasks", RefusalCode::TooManyTasks, &|it| it.array = tasks(0)),
        spoiled("key_prefix", RefusalCode::BadKey, &|it| it.key = "somebody's".into()),
        spoiled("key_prefix", RefusalCode::BadKey, &|it| it.key.clear()),
        spoiled("key_prefix", RefusalCode::BadKey, &|it| it.key = "mimer:\nx".into()),
        spoiled("key_prefix", RefusalCode::JobIdTaken, &|it| {
            (it.job_id, it.key) = (good.job_id, "mimer:test:another".into());
        }),
    ];
    for gpu_type in ["", "8", "h200:1,gres/x", "h200 "] {
        let spoil = |it: &mut JobSpec| it.gpu_type = gpu_type.into();
        cases.push(spoiled("max_gpus", RefusalCode::TooManyGpus, &spoil));
    }
    for account in ["research", "root"] {
        let spoil = |it: &mut JobSpec| it.account = account.into();
        cases.push(spoiled("account_root", RefusalCode::ForeignAccount, &spoil));
    }
    let area = ground.area().display().to_string();
    let prefix = ground.cluster.areas_dir().display().to_string();
    for work_dir in [
        "/etc".to_owned(),
        String::new(),
        "work".to_owned(),
        prefix.clone(),
        format!("{prefix}-old"),
        format!("{area}/work/../../../.."),
        format!("{area}/work/../work"),
        format!("{area}/door"),
        format!("{area}/door/ssl"),
        format!("{area}/file"),
        format!("{area}/nowhere"),
        format!("{area}/%u"),
    ] {
        let spoil = |it: &mut JobSpec| it.work_dir.clone_from(&work_dir);
        cases.push(spoiled("work_dir_prefix", RefusalCode::WorkDirOutsidePrefix, &spoil));
    }
    let huge = format!("#!/bin/sh\n{}", "#".repeat(4 * 1024 * 1024));
    for script in ["", "echo", "#!/bin/sh\r\ntrue\r\n", "#!/bin/sh\0", huge.as_str()] {
        let spoil = |it: &mut JobSpec| it.script = script.into();
        cases.push(spoiled(SCRIPT, RefusalCode::BadScript, &spoil));
    }
    cases.extend(no_sense(&spoiled));
    cases
}

/// Makes a case of a bound, the refusal and what is spoiled of a good job.
type Spoiled<'a> = dyn Fn(&'static str, RefusalCode, &dyn Fn(&mut JobSpec)) -> Case + 'a;

fn no_sense(spoiled: &Spoiled<'_>) -> Vec<Case> {
    let variable = |name: &str| [(name.to_owned(), "1".to_owned())].into();
    let spoils: [&dyn Fn(&mut JobSpec); 9] = [
        &|it| it.begin_at = Some(-1),
        &|it| it.begin_at = Some(i64::MAX),
        &|it| it.deadline = Some(0),
        &|it| it.array = Some(TaskArray { task_count: 2, at_once: Some(0) }),
        &|it| it.cpu_count = 0,
        &|it| it.memory_mib = Some(u64::MAX),
        &|it| it.name = "two\nlines".into(),
        &|it| it.environment = variable("SLURM_GET_USER_ENV"),
        &|it| it.environment = variable("A=B"),
    ];
    spoils.iter().map(|spoil| spoiled(NO_SENSE, RefusalCode::MalformedCall, spoil)).collect()
}

fn tasks(task_count: u32) -> Option<TaskArray> {
    Some(TaskArray { task_count, at_once: None })
}

/// A change of a job that is not the broker's, in every way in which it may not be.
pub(crate) fn change(call: impl Fn(OurJob) -> Call, ground: &Ground) -> Vec<Case> {
    let ours = ground.ours();
    let named = |job_id, key: &str| call(OurJob { job_id, key: key.to_owned() });
    let out_of_range = RefusalCode::JobIdOutOfRange;
    vec![
        Case::new("job_id_min", named(BELOW, &ours.key), out_of_range),
        Case::new("job_id_max", named(ABOVE, &ours.key), out_of_range),
        Case::new("job_id_max", named(ground.stranger, &ours.key), out_of_range),
        Case::new("key_prefix", named(ours.job_id, "somebody's"), RefusalCode::BadKey),
        Case::new("key_prefix", named(ours.job_id, ""), RefusalCode::BadKey),
        Case::new("key_prefix", named(ours.job_id, "mimer:other"), RefusalCode::NotOurJob),
        Case::new("key_prefix", named(ours.job_id, "mimer:"), RefusalCode::BadKey),
        Case::new("account_root", call(ground.elsewhere()), RefusalCode::NotOurJob),
    ]
}

pub(crate) fn change_qos(ground: &Ground) -> Vec<Case> {
    let mut cases = change(|job| Call::ChangeQos { job, qos: "mimer_x".to_owned() }, ground);
    for qos in ["normal", "mimer_", "mimer_x,normal", ""] {
        let call = Call::ChangeQos { job: ground.ours(), qos: qos.to_owned() };
        cases.push(Case::new("qos", call, RefusalCode::ForeignQos));
    }
    cases
}

pub(crate) fn set_time_limit(ground: &Ground) -> Vec<Case> {
    let mut cases = change(|job| Call::SetTimeLimit { job, time_limit_min: 2 }, ground);
    for time_limit_min in [0, 61, u32::MAX, u32::MAX - 1] {
        let call = Call::SetTimeLimit { job: ground.ours(), time_limit_min };
        cases.push(Case::new("max_wall_time_min", call, RefusalCode::TimeLimitTooLong));
    }
    cases
}

/// Whom the broker may not cancel as a stranger: its own job, and jobs where it has no say.
pub(crate) fn cancel_stranger(ground: &Ground) -> Vec<Case> {
    let of = |bound, job_id| {
        Case::new(bound, Call::CancelStranger { job_id }, RefusalCode::NotAStranger)
    };
    vec![
        of("key_prefix", ground.ours().job_id),
        of("account_root", ground.stranger),
        of("partitions", ground.stranger),
    ]
}

pub(crate) fn ids(call: impl Fn(u32) -> Call) -> Vec<Case> {
    vec![
        Case::new("job_id_min", call(BELOW), RefusalCode::JobIdOutOfRange),
        Case::new("job_id_max", call(ABOVE), RefusalCode::JobIdOutOfRange),
    ]
}
