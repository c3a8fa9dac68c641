//! Links: one permitted dataset on its way to one project.
//!
//! A link is opened under a permit, fetched, and ends *verified* or *quarantined*. A try that broke
//! leaves it *failed*, and it may be fetched again. Anybody in charge of the data may revoke it at any
//! time, and a revoked link never moves again.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use quotas::permit;
use uuid::Uuid;

use crate::digest::Sha256;
use crate::manifest::Bounds;
use crate::path::SafePath;
use crate::transfer::{Outcome, Report};

mod error;
mod open;
#[cfg(test)]
mod tests;

pub use error::{LinkError, OpenError};
pub use open::OpenLink;

pub use crate::store::link::{
    FetchStarted, all_verified, by_id, list_for_project, open, revoke, revoke_for_permit,
    start_fetch,
};
pub use crate::store::report::{faults, operator_note, record_report};

/// Which way data goes, seen from the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "staging.direction", rename_all = "snake_case")]
pub enum Direction {
    /// From the environment into the project's area.
    In,
}

/// One permitted dataset on its way to one project.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Link {
    /// Its id.
    pub link_id: Uuid,
    /// Whom the data is for.
    pub project_id: Uuid,
    /// Under which permit.
    pub permit_id: Uuid,
    /// Which dataset, as the permit names it.
    pub dataset: String,
    /// Where it comes from.
    pub environment_id: Uuid,
    /// The name of that, as the permit writes it.
    pub environment_name: String,
    /// Which way.
    pub direction: Direction,
    /// The dataset's directory, below the environment's root.
    pub source_path: SafePath,
    /// The absolute directory it goes to.
    pub area: PathBuf,
    /// What may pass.
    pub bounds: Bounds,
    /// Who opened it, and whom the permit must go on naming.
    pub person_id: Uuid,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// Where it stands.
    #[serde(flatten)]
    pub state: LinkState,
}

/// Where a link stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LinkState {
    /// Permitted, nothing moved yet.
    Open,
    /// A transfer runs.
    Fetching {
        /// Which.
        transfer_id: Uuid,
        /// Since when.
        since: DateTime<Utc>,
    },
    /// Every byte is what the source signed, and is in the project's area.
    Verified {
        /// The transfer that showed it.
        transfer_id: Uuid,
        /// When.
        at: DateTime<Utc>,
        /// The manifest it was compared with.
        manifest_sha256: Sha256,
        /// Files.
        file_count: i64,
        /// Bytes of all files.
        size_bytes: i64,
    },
    /// Something was not what the source signed. Nothing was handed over; open a new link.
    Quarantined {
        /// The transfer that showed it.
        transfer_id: Uuid,
        /// When.
        at: DateTime<Utc>,
        /// Code of the first fault; [`faults`] has them all.
        code: String,
    },
    /// The last try broke or was stopped. It may be fetched again.
    Failed {
        /// The try.
        transfer_id: Uuid,
        /// When.
        at: DateTime<Utc>,
        /// Stable code of the reason.
        code: String,
    },
    /// Withdrawn. It never moves again.
    Revoked {
        /// When.
        at: DateTime<Utc>,
    },
}

impl LinkState {
    /// The word the database and the API use.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Fetching { .. } => "fetching",
            Self::Verified { .. } => "verified",
            Self::Quarantined { .. } => "quarantined",
            Self::Failed { .. } => "failed",
            Self::Revoked { .. } => "revoked",
        }
    }
}

impl Link {
    /// What the link asks of its permit at `now`.
    pub fn asks(&self, now: DateTime<Utc>) -> permit::Ask<'_> {
        permit::Ask {
            person_id: self.person_id,
            dataset: Some(&self.dataset),
            environment: Some(&self.environment_name),
            now,
        }
    }

    /// Begins a try. A try that is running is taken over: whoever ran it may be gone, and the lock on
    /// the area keeps two movers apart.
    pub fn fetch_started(self, transfer_id: Uuid, now: DateTime<Utc>) -> Result<Self, LinkError> {
        match &self.state {
            LinkState::Fetching { transfer_id: running, .. } if *running == transfer_id => Ok(self),
            LinkState::Failed { transfer_id: earlier, .. } if *earlier == transfer_id => {
                Err(LinkError::TransferIdReused(transfer_id))
            }
            LinkState::Open | LinkState::Fetching { .. } | LinkState::Failed { .. } => {
                Ok(Self { state: LinkState::Fetching { transfer_id, since: now }, ..self })
            }
            LinkState::Verified { .. }
            | LinkState::Quarantined { .. }
            | LinkState::Revoked { .. } => {
                let (link_id, state) = (self.link_id, self.state.word());
                Err(LinkError::NotFetchable { link_id, state })
            }
        }
    }

    /// Ends the running try with its report. The report of a try that was taken over, or of a link
    /// that was revoked meanwhile, moves nothing.
    pub fn reported(self, report: &Report, at: DateTime<Utc>) -> Result<Self, LinkError> {
        let transfer_id = report.transfer_id;
        match &self.state {
            LinkState::Fetching { transfer_id: running, .. } if *running == transfer_id => {
                let state = LinkState::after(report, at)?;
                Ok(Self { state, ..self })
            }
            LinkState::Open => Err(LinkError::NotFetching {
                link_id: self.link_id,
                transfer_id,
                state: self.state.word(),
            }),
            LinkState::Fetching { .. }
            | LinkState::Verified { .. }
            | LinkState::Quarantined { .. }
            | LinkState::Failed { .. }
            | LinkState::Revoked { .. } => Ok(self),
        }
    }

    /// Withdraws the link, whatever it was doing. Doing it twice changes nothing.
    #[must_use]
    pub fn revoked(self, at: DateTime<Utc>) -> Self {
        match self.state {
            LinkState::Revoked { .. } => self,
            LinkState::Open
            | LinkState::Fetching { .. }
            | LinkState::Verified { .. }
            | LinkState::Quarantined { .. }
            | LinkState::Failed { .. } => Self { state: LinkState::Revoked { at }, ..self },
        }
    }
}

impl LinkState {
    fn after(report: &Report, at: DateTime<Utc>) -> Result<Self, LinkError> {
        let transfer_id = report.transfer_id;
        let incomplete = LinkError::ReportIncomplete(transfer_id);
        Ok(match &report.outcome {
            Outcome::Verified => {
                let Some(manifest_sha256) = report.manifest_sha256 else { return Err(incomplete) };
                let figures = (report.files.len().try_into(), report.total_bytes().try_into());
                let (Ok(file_count), Ok(size_bytes)) = figures else { return Err(incomplete) };
                Self::Verified { transfer_id, at, manifest_sha256, file_count, size_bytes }
            }
            Outcome::Quarantined(_) => {
                Self::Quarantined { transfer_id, at, code: reason_of(report) }
            }
            Outcome::Stopped(_) | Outcome::Failed { .. } => {
                Self::Failed { transfer_id, at, code: reason_of(report) }
            }
        })
    }
}

/// The stable code of a report that is not verified.
pub(crate) fn reason_of(report: &Report) -> String {
    match &report.outcome {
        Outcome::Verified => String::new(),
        Outcome::Quarantined(faults) => {
            faults.first().map_or_else(|| "quarantined".to_owned(), |fault| fault.code.clone())
        }
        Outcome::Stopped(code) | Outcome::Failed { code, .. } => code.clone(),
    }
}
