//! A walk from login to node made by hand.

use dashboards::read::why::{Finding, PlannedJob, Subject, Verdict, WhyView};

use super::{astrid, id, stroke};

fn finding(title: &str, verdict: Verdict, (expected, actual): (&str, &str)) -> Finding {
    Finding {
        title: title.to_owned(),
        verdict,
        code: None,
        expected: expected.to_owned(),
        actual: actual.to_owned(),
        fix: None,
    }
}

fn findings() -> Vec<Finding> {
    vec![
        finding(
            "Login",
            Verdict::Good,
            ("You are known and ask on behalf of an agency.", "astrid"),
        ),
        finding(
            "Membership",
            Verdict::Good,
            ("You are a member of the project.", "You are a member."),
        ),
        Finding {
            code: Some("permit_expired".to_owned()),
            fix: Some("Ask the controller to have the permit renewed, then record it.".to_owned()),
            ..finding(
                "Permit",
                Verdict::InTheWay,
                (
                    "A permit names you, the data and the environment, and is valid.",
                    "Permit 2026-04411-01 <ended> on 2027-02-28.",
                ),
            )
        },
        finding(
            "Grant",
            Verdict::Good,
            ("A grant is open and has enough GPU time and money left.", "Nothing is in the way."),
        ),
        finding(
            "Account in Slurm",
            Verdict::NotKnown,
            (
                "Slurm lets your user run under the project's account.",
                "Slurm does not answer just now, so this cannot be looked at.",
            ),
        ),
        finding(
            "Node attestation",
            Verdict::NotChecked,
            ("The node has proved what it runs.", "Nodes are not attested in this installation."),
        ),
    ]
}

/// A project's next job, stopped by its permit.
pub(crate) fn why_project() -> WhyView {
    WhyView { subject: Subject { project: stroke(), job: None }, findings: findings() }
}

/// A planned job with nothing in the way.
pub(crate) fn why_job() -> WhyView {
    let job = PlannedJob { job_plan_id: id(20), name: None, person: astrid() };
    let well = |finding: Finding| Finding {
        verdict: Verdict::Good,
        code: None,
        fix: None,
        actual: "Nothing is in the way.".to_owned(),
        ..finding
    };
    WhyView {
        subject: Subject { project: stroke(), job: Some(job) },
        findings: findings().into_iter().map(well).collect(),
    }
}
