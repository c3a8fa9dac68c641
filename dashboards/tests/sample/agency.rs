//! An agency near its limit, made by hand.

use dashboards::read::{
    JobRef,
    agency::{ActionLine, AgencyView, DoneTo, PolicyView, Standing, Step, UseLimitLine},
};

use super::{astrid, at, erased, hours, id, roads};

fn step(at_percent: i64, action: &str) -> Step {
    Step { at_percent, action: action.to_owned() }
}

/// An agency whose own steps are in force, at 83 % of what it was granted.
pub(crate) fn agency() -> AgencyView {
    let standing = Standing { used: hours(9_960), granted: hours(12_000) };
    AgencyView {
        agency_id: id(3),
        name: "Region Mitten".to_owned(),
        organisation_number: "2321001234".to_owned(),
        category: "public_body".to_owned(),
        now: at("2027-03-04T10:00:00Z"),
        standing,
        policy: Some(PolicyView {
            dry_run: false,
            decided_by: erased(),
            decided_at: at("2027-02-14T12:30:00Z"),
            motivation: Some("The <hospital> must not stop its night runs.".to_owned()),
            earlier_count: 2,
            steps: vec![
                step(80, "warn"),
                step(80, "lower_qos"),
                step(100, "stop_new"),
                step(110, "hold_pending"),
                step(120, "cancel_running"),
            ],
        }),
        actions: vec![
            ActionLine {
                step: step(80, "warn"),
                taken_at: at("2027-03-02T07:10:00Z"),
                standing: Standing { used: hours(9_601), granted: hours(12_000) },
                done_to: DoneTo::Agency,
                dry_run: false,
            },
            ActionLine {
                step: step(80, "hold_pending"),
                taken_at: at("2027-02-10T07:10:00Z"),
                standing: Standing { used: hours(8_100), granted: hours(10_000) },
                done_to: DoneTo::Job(JobRef { job_plan_id: id(20), slurm_job_id: 500_017 }),
                dry_run: true,
            },
        ],
        limits: vec![
            UseLimitLine {
                project: None,
                class: None,
                gpus_at_once: Some(64),
                jobs_at_once: None,
                set_at: at("2027-02-01T08:00:00Z"),
            },
            UseLimitLine {
                project: Some(roads()),
                class: Some("h200".to_owned()),
                gpus_at_once: Some(16),
                jobs_at_once: Some(40),
                set_at: at("2027-02-01T08:05:00Z"),
            },
        ],
    }
}

/// The same in a dry run, which does nothing.
pub(crate) fn agency_in_dry_run() -> AgencyView {
    let mut view = agency();
    view.policy = view.policy.map(|policy| PolicyView {
        dry_run: true,
        decided_by: astrid(),
        earlier_count: 0,
        ..policy
    });
    view
}

/// An agency that has decided nothing and has nothing.
pub(crate) fn new_agency() -> AgencyView {
    AgencyView {
        standing: Standing::default(),
        policy: None,
        actions: Vec::new(),
        limits: Vec::new(),
        ..agency()
    }
}
