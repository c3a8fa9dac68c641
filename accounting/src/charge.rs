//! Charges: what a run cost, one row per grant that paid for it.
//!
//! Insert-only. The money on a charge is provisional, because paper is rounded once per invoice
//! line and not once per run; the GPU-seconds are final.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek, Month};
use uuid::Uuid;

use crate::Inconsistency;
pub use crate::store::{
    charge::{charges, of_run},
    charge_sum::by_project,
};

/// Which charges to list; `None` means all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChargeFilter {
    /// The agency that pays.
    pub agency_id: Option<Uuid>,
    /// The project that ran.
    pub project_id: Option<Uuid>,
    /// The month the run ended in, in Stockholm.
    pub month: Option<Month>,
}

/// One charge with the run it came from and the rate it used.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ChargeRow {
    /// The charge's id.
    pub charge_id: Uuid,
    /// The run that was charged.
    pub run_id: Uuid,
    /// The hold it was paid from.
    pub hold_id: Uuid,
    /// The grant that paid.
    pub grant_id: Uuid,
    /// The agency that pays.
    pub agency_id: Uuid,
    /// The project that ran.
    pub project_id: Uuid,
    /// The month the run ended in, in Stockholm.
    #[serde(serialize_with = "as_text")]
    pub month: Month,
    /// The cluster it ran on.
    pub cluster: String,
    /// Slurm's job id.
    pub slurm_job_id: i64,
    /// The key of the run in slurmdbd, one per incarnation.
    pub db_index: i64,
    /// When the run started.
    pub started_at: DateTime<Utc>,
    /// When the run ended.
    pub ended_at: DateTime<Utc>,
    /// How many GPUs Slurm allocated.
    pub gpu_count: i64,
    /// The Slurm state the run ended in.
    pub state: String,
    /// The rate the charge used.
    pub rate_id: Uuid,
    /// The card that rate stands on.
    pub rate_card_name: String,
    /// The class of GPU capacity.
    pub class: String,
    /// The Slurm partition.
    pub partition: String,
    /// The price in µSEK per GPU-hour.
    pub price_usek_per_gpu_hour: i64,
    /// The factor on the price, in parts per million.
    pub factor_ppm: i64,
    /// The time this grant paid for.
    pub gpu_seconds: GpuSeconds,
    /// What it cost, until the invoice line is rounded.
    pub usek: MicroSek,
    /// When it was charged.
    pub charged_at: DateTime<Utc>,
}

/// What one project was charged to some grants in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ProjectCharged {
    /// The project that ran.
    pub project_id: Uuid,
    /// How many charges.
    pub charge_count: i64,
    /// Their time.
    pub gpu_seconds: GpuSeconds,
    /// Their money.
    pub usek: MicroSek,
}

/// Why charges could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    /// A row says what cannot be.
    #[error("a charge contradicts itself")]
    Inconsistent(#[from] Inconsistency),
    /// The database failed.
    #[error("reading charges")]
    Database(#[from] sqlx::Error),
}

impl ChargeError {
    /// The stable code of the fault.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Inconsistent(_) => "charge_inconsistent",
            Self::Database(_) => "charge_database",
        }
    }
}

/// Writes a month the way people and invoices do.
pub(crate) fn as_text<S: serde::Serializer>(month: &Month, output: S) -> Result<S::Ok, S::Error> {
    output.collect_str(month)
}
