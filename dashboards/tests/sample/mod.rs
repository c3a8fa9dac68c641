//! Views made by hand, as a small installation would have them: used by the tests of the pages and
//! by the example that writes the pages to files.

mod agency;
mod crisis;
mod finance;
mod fund;
mod job;
mod operator;
mod project;
mod why;

pub(crate) use agency::{agency, agency_in_dry_run, new_agency};
pub(crate) use crisis::{crisis, proposed_crisis};
pub(crate) use finance::finance;
pub(crate) use fund::{broken_fund, fund};
pub(crate) use job::{array_job, confidential_job, refused_job, running_job};
pub(crate) use operator::{operator, quiet_operator};
pub(crate) use project::{home, project};
pub(crate) use why::{why_job, why_project};

use chrono::{DateTime, Utc};
use dashboards::{
    Frame, Language,
    read::{PersonRef, ProjectRef},
};
use record::{GpuSeconds, MicroSek};
use uuid::Uuid;

/// A frame for a person with `roles`.
pub(crate) fn frame(language: Language, roles: &[&str]) -> Frame {
    Frame {
        language,
        person_name: Some("Astrid Lind".to_owned()),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        agency_ids: vec![id(3)],
        simulated: vec!["NVML".to_owned(), "SFTP store".to_owned()],
    }
}

/// A number as an id, so that two runs draw the same page.
pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0192_f3a1_0000_7000_8000_0000_0000_0000 + number)
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time of RFC 3339")
}

pub(crate) fn seconds(amount: i64) -> GpuSeconds {
    GpuSeconds::new(amount).expect("not below zero")
}

pub(crate) fn hours(amount: i64) -> GpuSeconds {
    seconds(amount * 3600)
}

pub(crate) fn usek(amount: i64) -> MicroSek {
    MicroSek::new(amount).expect("not below zero")
}

pub(crate) fn kronor(amount: i64) -> MicroSek {
    usek(amount * 1_000_000)
}

pub(crate) fn stroke() -> ProjectRef {
    ProjectRef {
        project_id: id(1),
        slug: "stroke-imaging".to_owned(),
        title: "Earlier stroke diagnosis from CT <images>".to_owned(),
        confidential: true,
    }
}

pub(crate) fn roads() -> ProjectRef {
    ProjectRef {
        project_id: id(2),
        slug: "road-ice".to_owned(),
        title: "Ice on roads, forecast by the hour".to_owned(),
        confidential: false,
    }
}

pub(crate) fn astrid() -> PersonRef {
    PersonRef { person_id: id(10), name: Some("Astrid Lind".to_owned()) }
}

pub(crate) fn erased() -> PersonRef {
    PersonRef { person_id: id(11), name: None }
}
