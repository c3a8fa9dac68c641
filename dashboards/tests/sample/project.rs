//! A project and a start page made by hand.

use dashboards::read::{
    AgencyRef, JobLine,
    home::{HomeView, OpenRequest, ProjectLine},
    project::{
        Balance, ChangeLine, GrantEnd, GrantLine, PermitLine, PersonLine, ProjectView, RequestLine,
    },
};

use super::{
    astrid, at, confidential_job, crisis::crisis_proposed, erased, fund::public_sector, hours, id,
    kronor, roads, seconds, stroke, usek,
};

fn job(number: u128, name: &str, state: &str) -> JobLine {
    let over = state == "settled";
    JobLine {
        job_plan_id: id(number),
        name: Some(name.to_owned()),
        project: stroke(),
        person: if number == 20 { astrid() } else { erased() },
        planned_at: at("2027-03-03T08:20:00Z"),
        gpu_count: 2,
        state: Some(state.to_owned()),
        slurm_state: Some(if over { "COMPLETED" } else { "RUNNING" }.to_owned()),
        slurm_job_id: Some(500_000 + i64::try_from(number).expect("a small number")),
        charged: seconds(if over { 4_502 } else { 0 }),
        charged_usek: usek(if over { 62_527_778 } else { 0 }),
        over,
    }
}

/// A confidential project in full use.
pub(crate) fn project() -> ProjectView {
    ProjectView {
        project: stroke(),
        agency_id: id(3),
        agency_name: "Region Mitten".to_owned(),
        slurm_account: "mimer_stroke".to_owned(),
        now: at("2027-03-04T10:00:00Z"),
        grants: vec![
            GrantLine {
                end: Some(GrantEnd {
                    ending: "expired".to_owned(),
                    superseded_by: None,
                    ended_at: at("2027-02-28T23:00:10Z"),
                }),
                ..grant(40, "2027-02-01", "2027-03-01", [487, 0, 487, 0])
            },
            grant(41, "2027-02-01", "2027-07-01", [12_000, 240, 3_408, 8_352]),
            grant(42, "2027-03-01", "2028-01-01", [6_003, 0, 0, 6_003]),
            grant(43, "2027-07-01", "2028-01-01", [800, 0, 0, 800]),
        ],
        changes: changes(),
        people: vec![
            PersonLine { person: astrid(), controller: false, member: true },
            PersonLine { person: erased(), controller: false, member: true },
        ],
        requests: vec![RequestLine {
            request_id: id(50),
            class: "h200".to_owned(),
            gpu_seconds: hours(18_000),
            submitted_at: at("2027-01-12T09:30:00Z"),
            decision: "approved".to_owned(),
        }],
        permits: vec![
            PermitLine {
                permit_id: id(60),
                issuer: "Etikprövningsmyndigheten".to_owned(),
                reference: "2026-04411-01".to_owned(),
                datasets: vec!["ct-2026-a".to_owned(), "ct-2026-b".to_owned()],
                valid_from: at("2026-12-31T23:00:00Z"),
                valid_until: at("2028-12-31T23:00:00Z"),
                revoked_at: None,
            },
            PermitLine {
                permit_id: id(61),
                issuer: "Region Mitten".to_owned(),
                reference: "RM 2026/118".to_owned(),
                datasets: vec!["journal-2025".to_owned()],
                valid_from: at("2026-12-31T23:00:00Z"),
                valid_until: at("2027-12-31T23:00:00Z"),
                revoked_at: Some(at("2027-02-20T13:05:00Z")),
            },
        ],
        links: confidential_job().links,
        jobs: vec![job(20, "train-ct-v3", "settled"), job(23, "train-ct-v4", "running")],
    }
}

fn grant(number: u128, from: &str, until: &str, hours_of: [i64; 4]) -> GrantLine {
    let midnight = |day: &str| {
        let offset = if ("2027-03-28".."2027-10-31").contains(&day) { "+02:00" } else { "+01:00" };
        at(&format!("{day}T00:00:00{offset}"))
    };
    let [granted, held, settled, available] = hours_of;
    GrantLine {
        grant_id: id(number),
        class: "h200".to_owned(),
        fund: public_sector(),
        valid_from: midnight(from),
        valid_until: midnight(until),
        end: None,
        balance: Balance {
            granted: hours(granted),
            held: hours(held),
            settled: hours(settled),
            available: hours(available),
            overrun: seconds(0),
            granted_usek: kronor(granted * 50),
            held_usek: kronor(held * 50),
            settled_usek: kronor(settled * 50),
            available_usek: kronor(available * 50),
            overrun_usek: usek(0),
        },
    }
}

fn changes() -> Vec<ChangeLine> {
    let change = |number: u128, kind: &str, grant: u128, other: Option<u128>| ChangeLine {
        change_id: id(number),
        kind: kind.to_owned(),
        grant_id: id(grant),
        other_grant_id: other.map(id),
        gpu_seconds: hours(13),
        usek: kronor(650),
        decided_by: (!matches!(kind, "expired" | "given_back")).then(erased),
        changed_at: at("2027-02-28T23:00:10Z"),
    };
    vec![
        ChangeLine {
            gpu_seconds: hours(3),
            usek: kronor(150),
            ..change(46, "carried_over", 40, Some(42))
        },
        change(45, "expired", 40, None),
        change(47, "transferred", 41, Some(48)),
        change(49, "superseded", 39, Some(41)),
        change(44, "topped_up", 41, None),
    ]
}

/// The start page of somebody in two projects who also decides.
pub(crate) fn home() -> HomeView {
    HomeView {
        projects: vec![
            ProjectLine {
                project: stroke(),
                agency_name: "Region Mitten".to_owned(),
                available: hours(8_352),
            },
            ProjectLine {
                project: roads(),
                agency_name: "Vägverket Norr".to_owned(),
                available: hours(120),
            },
        ],
        agencies: vec![AgencyRef { agency_id: id(3), name: "Region Mitten".to_owned() }],
        funds: vec![public_sector()],
        crises: vec![crisis_proposed()],
        jobs: project().jobs,
        open_requests: Some(vec![OpenRequest {
            request_id: id(51),
            project: roads(),
            agency_name: "Vägverket Norr".to_owned(),
            class: "h200".to_owned(),
            gpu_seconds: hours(900),
            submitted_at: at("2027-03-02T09:30:00Z"),
        }]),
    }
}
