//! A good job and its row, for the unit tests to spoil one field at a time.

use slurm_wire::{JobRow, JobSpec, JobState};

pub(crate) fn spec() -> JobSpec {
    JobSpec {
        job_id: 1_000_001,
        key: "mimer:1:abc".to_owned(),
        uid: 20_001,
        gid: 20_001,
        account: "register".to_owned(),
        partition: "confidential".to_owned(),
        qos: None,
        name: "train".to_owned(),
        time_limit_min: 60,
        gpu_count: 2,
        gpu_type: "h200".to_owned(),
        cpu_count: 4,
        memory_mib: Some(2048),
        work_dir: "/srv/mimer/register".to_owned(),
        script: "#!/bin/sh\ntrue\n".to_owned(),
        environment: [("LANG".to_owned(), "C.UTF-8".to_owned())].into(),
        deadline: None,
        reservation: None,
        whole_node: false,
        begin_at: None,
        array: None,
    }
}

pub(crate) fn row() -> JobRow {
    JobRow {
        job_id: 1_000_001,
        admin_comment: Some("mimer:1:abc".to_owned()),
        state: JobState::Pending,
        state_reason: Some("JobHeldAdmin".to_owned()),
        held: true,
        completing: false,
        uid: 20_001,
        account: Some("register".to_owned()),
        partition: Some("confidential".to_owned()),
        submitted_at: Some(1_800_000_000),
        started_at: None,
        ended_at: None,
        restart_count: 0,
        exit_code: None,
        gpus: Vec::new(),
        tres_alloc: None,
        mcs_label: None,
        time_limit_min: Some(60),
        array_job_id: None,
        array_task_id: None,
    }
}
