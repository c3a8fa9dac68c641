//! The read queries: one file per page, plus what several pages share.
//!
//! Every function takes a connection inside the caller's transaction and changes nothing. A page
//! that does not exist is `None`, which the caller answers as "no such page".

pub mod agency;
pub mod crisis;
pub mod finance;
pub mod fund;
pub mod home;
pub mod job;
mod job_line;
pub mod metering;
pub mod operator;
pub mod project;
pub mod why;

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use uuid::Uuid;

/// Who reads a page, as far as what is on it depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A member of the project: may see the scripts and the names of its jobs.
    Member,
    /// Anybody else who may open the page. Scripts and the names of jobs may say what the data are
    /// about, so an outsider sees neither.
    Outsider,
}

/// A project as other pages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectRef {
    /// Its id.
    pub project_id: Uuid,
    /// The short name in addresses and accounts.
    pub slug: String,
    /// The title people read.
    pub title: String,
    /// True if its data are confidential, so that output is never shown.
    pub confidential: bool,
}

/// A person as pages name one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRef {
    /// The opaque id, which outlives the name.
    pub person_id: Uuid,
    /// The name; `None` once erased.
    pub name: Option<String>,
}

impl PersonRef {
    /// The person of a column that may be empty.
    pub(crate) fn of(person_id: Option<Uuid>, name: Option<String>) -> Option<Self> {
        person_id.map(|person_id| Self { person_id, name })
    }
}

/// A fund as other pages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundRef {
    /// Its id.
    pub fund_id: Uuid,
    /// What people call it.
    pub name: String,
}

/// An agency as other pages name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencyRef {
    /// Its id.
    pub agency_id: Uuid,
    /// Its name.
    pub name: String,
}

/// A job where its name may not stand: by its number in Slurm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobRef {
    /// The job plan's id.
    pub job_plan_id: Uuid,
    /// Slurm's number.
    pub slurm_job_id: i64,
}

/// One job in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLine {
    /// The job plan's id.
    pub job_plan_id: Uuid,
    /// The name the person gave it; `None` for a [`Reader::Outsider`].
    pub name: Option<String>,
    /// The project it runs for.
    pub project: ProjectRef,
    /// Who planned it.
    pub person: PersonRef,
    /// When it was planned.
    pub planned_at: DateTime<Utc>,
    /// GPUs asked for.
    pub gpu_count: i64,
    /// State of the latest attempt; `None` if none was admitted.
    pub state: Option<String>,
    /// The last state Slurm told of the latest attempt.
    pub slurm_state: Option<String>,
    /// Slurm's id of the latest attempt.
    pub slurm_job_id: Option<i64>,
    /// What all attempts were charged, in time.
    pub charged: GpuSeconds,
    /// What all attempts were charged, in money.
    pub charged_usek: MicroSek,
    /// True once the latest attempt is over and nothing more is charged for it.
    pub over: bool,
}

/// An amount that the database keeps, or the error of a row that cannot be.
pub(crate) fn gpu_seconds(amount: i64) -> Result<GpuSeconds, sqlx::Error> {
    GpuSeconds::new(amount)
        .ok_or_else(|| impossible(NegativeAmount { amount, unit: "GPU-seconds" }))
}

/// An amount that the database keeps, or the error of a row that cannot be.
pub(crate) fn usek(amount: i64) -> Result<MicroSek, sqlx::Error> {
    MicroSek::new(amount).ok_or_else(|| impossible(NegativeAmount { amount, unit: "µSEK" }))
}

/// A row that contradicts itself, as the caller's error type can carry it.
pub(crate) fn impossible(cause: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(cause))
}

#[derive(Debug, thiserror::Error)]
#[error("an amount of {amount} {unit} is below zero; the ledger needs `mimer audit verify`")]
struct NegativeAmount {
    amount: i64,
    unit: &'static str,
}
