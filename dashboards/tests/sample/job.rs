//! Jobs made by hand.

use dashboards::read::{
    job::{AttemptView, ExtensionLine, HoldLine, JobView, Kept, Life, NeedLine, RunLine, TaskLine},
    metering::Metered,
    project::LinkLine,
};

use super::{astrid, at, id, seconds, stroke, usek};

/// What the job printed. No view has a place for it, so no page may have it.
pub(crate) const SCRIPT: &str = "#!/bin/bash\nsrun python train.py --epochs 3 > \"$OUT/log\"\n";

fn link(state: &str) -> LinkLine {
    let verified = state == "verified";
    LinkLine {
        link_id: id(30),
        dataset: "ct-2026-a".to_owned(),
        environment_name: "AIDA Data Hub".to_owned(),
        state: state.to_owned(),
        state_at: at("2027-03-03T08:12:00Z"),
        code: None,
        file_count: verified.then_some(1_204),
        size_bytes: verified.then_some(48_210_000_000),
    }
}

fn hold() -> HoldLine {
    HoldLine {
        state: "settled".to_owned(),
        gpu_seconds: seconds(2 * 3_660),
        usek: usek(101_666_667),
        expires_at: at("2027-03-04T08:20:00Z"),
        rate_card_name: "Public sector 2027".to_owned(),
        price_usek_per_gpu_hour: usek(40_000_000),
        factor_ppm: 1_250_000,
    }
}

fn attempt() -> AttemptView {
    AttemptView {
        attempt_id: id(21),
        cluster: "mimer".to_owned(),
        slurm_job_id: 500_017,
        state: "settled".to_owned(),
        slurm_state: Some("COMPLETED".to_owned()),
        slurm_reason: None,
        held_back: false,
        refusal: None,
        admitted_at: at("2027-03-03T08:20:01Z"),
        queued_at: Some(at("2027-03-03T08:20:02Z")),
        started_at: Some(at("2027-03-03T08:24:40Z")),
        ended_at: Some(at("2027-03-03T09:02:11Z")),
        settled_at: Some(at("2027-03-03T09:02:15Z")),
        exit_code: Some(0),
        start_count: 1,
        second_start_count: 0,
        life: Life::default(),
        hold: Some(hold()),
        runs: vec![RunLine {
            run_id: id(22),
            db_index: 88_123,
            task_no: None,
            started_at: at("2027-03-03T08:24:40Z"),
            ended_at: at("2027-03-03T09:02:11Z"),
            gpu_count: 2,
            state: "COMPLETED".to_owned(),
            gpu_seconds: seconds(4_502),
            chargeable: true,
            charged: seconds(4_502),
            charged_usek: usek(62_527_778),
            cleared: seconds(0),
            cleared_usek: usek(0),
            overrun: seconds(0),
        }],
        metered: Metered {
            assigned_ms: 4_502_000,
            measured_ms: 4_320_000,
            energy_measured_ms: 4_320_000,
            energy_mj: 2_160_000_000,
            utilization_pct_ms: 4_320_000 * 61,
            idle_ms: 612_000,
            segment_count: 76,
            simulated: true,
            missing: vec![("memory_max_mib".to_owned(), "no_permission".to_owned())],
        },
    }
}

/// A confidential job that was settled, as a member sees it.
pub(crate) fn confidential_job() -> JobView {
    JobView {
        job_plan_id: id(20),
        name: Some("train-ct-v3".to_owned()),
        project: stroke(),
        person: astrid(),
        planned_at: at("2027-03-03T08:20:00Z"),
        class: "h200".to_owned(),
        partition: "confidential".to_owned(),
        gpu_count: 2,
        wall_time_s: 3_600,
        task_count: 1,
        tasks_at_once: None,
        begin_at: None,
        needs: Vec::new(),
        script: Some(SCRIPT.to_owned()),
        links: vec![link("verified")],
        attempts: vec![attempt()],
    }
}

/// A job that waits for its data, with nothing measured.
pub(crate) fn running_job() -> JobView {
    let waiting = AttemptView {
        state: "submitted".to_owned(),
        slurm_state: Some("PENDING".to_owned()),
        held_back: true,
        started_at: None,
        ended_at: None,
        settled_at: None,
        exit_code: None,
        start_count: 0,
        second_start_count: 0,
        hold: Some(HoldLine { state: "open".to_owned(), ..hold() }),
        runs: Vec::new(),
        metered: Metered::default(),
        ..attempt()
    };
    JobView { links: vec![link("fetching")], attempts: vec![waiting], ..confidential_job() }
}

/// A job whose first attempt was refused and whose second lost its node, seen from outside.
pub(crate) fn refused_job() -> JobView {
    let refused = AttemptView {
        attempt_id: id(24),
        slurm_job_id: 500_011,
        state: "refused".to_owned(),
        slurm_state: None,
        refusal: Some("Slurm has no partition `confidentail`; correct the pool".to_owned()),
        queued_at: None,
        started_at: None,
        ended_at: None,
        settled_at: None,
        exit_code: None,
        start_count: 0,
        second_start_count: 0,
        hold: Some(HoldLine { state: "released".to_owned(), ..hold() }),
        runs: Vec::new(),
        metered: Metered::default(),
        ..attempt()
    };
    let mut lost = AttemptView { start_count: 2, second_start_count: 1, ..attempt() };
    lost.metered.measured_ms = 900_000;
    lost.metered.utilization_pct_ms = 900_000 * 61;
    lost.metered.energy_measured_ms = 0;
    lost.slurm_state = Some("NODE_FAIL".to_owned());
    lost.runs[0].state = "NODE_FAIL".to_owned();
    lost.runs[0].chargeable = false;
    lost.runs[0].charged = seconds(0);
    lost.runs[0].charged_usek = usek(0);
    JobView {
        name: None,
        script: None,
        links: Vec::new(),
        attempts: vec![lost, refused],
        ..confidential_job()
    }
}

/// An array that waits for another job, is held by an operator and has asked for more time; one of its
/// tasks is suspended.
pub(crate) fn array_job() -> JobView {
    let since = at("2027-03-03T08:30:00Z");
    let kept = |why: &str| Kept { since, by_operator: true, why: Some(why.to_owned()) };
    let extension = |refusal: Option<&str>| ExtensionLine {
        extra_s: 1_800,
        gpu_seconds: seconds(20 * 2 * 1_800),
        usek: usek(1_000_000_000),
        wanted_at: since,
        granted_at: refusal.is_none().then_some(since),
        refusal: refusal.map(str::to_owned),
    };
    let task = |task_no: i32, slurm_state: &str| TaskLine {
        task_no,
        slurm_job_id: 10_000_001 + i64::from(task_no),
        slurm_state: slurm_state.to_owned(),
        started_at: Some(since),
        ended_at: None,
        exit_code: None,
    };
    let life = Life {
        kept: Some(kept("a new driver is installed")),
        suspended: Some(kept("the cooling fails")),
        extensions: vec![extension(None), extension(Some("Slurm allows 60 minutes at most"))],
        tasks: vec![task(0, "SUSPENDED"), task(1, "RUNNING")],
    };
    let mut waiting = AttemptView { state: "submitted".to_owned(), life, ..attempt() };
    waiting.runs[0].task_no = Some(3);
    let need = |condition: &str, state: &str| NeedLine {
        job_plan_id: id(26),
        name: Some("prepare".to_owned()),
        condition: condition.to_owned(),
        state: state.to_owned(),
        slurm_state: Some("RUNNING".to_owned()),
    };
    JobView {
        task_count: 20,
        tasks_at_once: Some(4),
        begin_at: Some(since),
        needs: vec![need("succeeded", "running"), need("ended", "settled")],
        attempts: vec![waiting],
        ..confidential_job()
    }
}
