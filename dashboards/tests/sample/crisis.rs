//! Crises made by hand: one that is over, one that waits for a second person.

use dashboards::read::{
    JobRef, PersonRef,
    crisis::{CrisisLine, CrisisView, MadeWay, Stage, WentFirst},
};

use super::{astrid, at, id, roads, seconds, stroke, usek};

fn job(number: u128) -> JobRef {
    let slurm_job_id = 500_000 + i64::try_from(number).expect("a small number");
    JobRef { job_plan_id: id(number), slurm_job_id }
}

fn bo() -> PersonRef {
    PersonRef { person_id: id(12), name: Some("Bo Ek".to_owned()) }
}

/// Active at noon, over by itself at six.
pub(crate) fn crisis_over() -> CrisisLine {
    CrisisLine {
        crisis_id: id(90),
        stage: Stage::Over,
        projects: vec![roads(), stroke()],
        proposed_by: bo(),
        proposed_at: at("2027-03-03T11:00:00Z"),
        confirmed_by: Some(astrid()),
        ends_at: at("2027-03-03T17:00:00Z"),
        ended_at: Some(at("2027-03-03T17:00:00Z")),
        ended_by: None,
    }
}

/// Proposed, and nobody has agreed yet.
pub(crate) fn crisis_proposed() -> CrisisLine {
    CrisisLine {
        crisis_id: id(91),
        stage: Stage::Proposed,
        projects: vec![roads()],
        proposed_at: at("2027-03-04T09:50:00Z"),
        confirmed_by: None,
        ends_at: at("2027-03-05T09:50:00Z"),
        ended_at: None,
        ..crisis_over()
    }
}

/// The whole report of the one that is over.
pub(crate) fn crisis() -> CrisisView {
    CrisisView {
        crisis: crisis_over(),
        reason: Some("Landslide at <Stenungsund>: forecasts are needed every hour.".to_owned()),
        confirmed_at: Some(at("2027-03-03T11:04:10Z")),
        made_way: vec![
            MadeWay {
                slurm_job_id: 41_207,
                db_index: 88_201,
                cluster: "mimer".to_owned(),
                account: "naiss2027-1-12".to_owned(),
                job: None,
                started_at: at("2027-03-03T08:00:00Z"),
                ended_at: at("2027-03-03T11:04:14Z"),
                gpu_seconds: seconds(88_432),
                charged_usek: usek(0),
            },
            MadeWay {
                slurm_job_id: 500_017,
                db_index: 88_202,
                cluster: "mimer".to_owned(),
                account: "mimer_stroke".to_owned(),
                job: Some(job(17)),
                started_at: at("2027-03-03T10:59:00Z"),
                ended_at: at("2027-03-03T11:04:14Z"),
                gpu_seconds: seconds(628),
                charged_usek: usek(0),
            },
        ],
        went_first: vec![WentFirst {
            job: job(23),
            project: roads(),
            started_at: at("2027-03-03T11:04:16Z"),
            ended_at: None,
        }],
        complete: true,
    }
}

/// A crisis that is not active yet.
pub(crate) fn proposed_crisis() -> CrisisView {
    CrisisView {
        crisis: crisis_proposed(),
        reason: None,
        confirmed_at: None,
        made_way: Vec::new(),
        went_first: Vec::new(),
        complete: false,
    }
}
