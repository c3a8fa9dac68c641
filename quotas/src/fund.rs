//! Funds: money with a purpose, terms, a period and a ceiling. Funds never mix.

use accounting::ledger::LedgerError;
use chrono::{DateTime, Utc};
use record::MicroSek;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::agency::Category;

pub mod envelope;
mod store;

pub use envelope::Envelope;
pub use store::{by_id, create, list};

/// All of something, in parts per million.
pub(crate) const WHOLE_PPM: i64 = 1_000_000;

/// What a fund's money is for. A project of another kind is never paid from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[sqlx(type_name = "quotas.fund_purpose", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum FundPurpose {
    /// The public sector's share.
    PublicSector,
    /// Research.
    Research,
    /// What small and medium-sized enterprises use.
    Innovation,
}

/// The purpose that a fund must have to pay for this kind of applicant: funds never mix.
///
/// The database keeps the same table under the same name, and a test compares the two.
pub const fn category_purpose(category: Category) -> FundPurpose {
    match category {
        Category::PublicBody => FundPurpose::PublicSector,
        Category::Academia => FundPurpose::Research,
        Category::Sme => FundPurpose::Innovation,
    }
}

/// A fund as the broker knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fund {
    /// Chosen by the client.
    pub fund_id: Uuid,
    /// What people call it ("Public sector 2027").
    pub name: String,
    /// What its money is for.
    pub purpose: FundPurpose,
    /// The most that may ever be granted from it.
    pub ceiling: MicroSek,
    /// The conditions that the money comes with, in words; may be empty.
    pub conditions: String,
    /// What a year of it is expected to bring, where that is a range.
    pub envelope: Option<Envelope>,
    /// How much of the time and money that expires may be carried over, in parts per million.
    pub carry_over_ppm: i64,
    /// The first instant it may pay for.
    pub valid_from: DateTime<Utc>,
    /// The instant its money ends; nothing is granted past it.
    pub valid_until: DateTime<Utc>,
    /// Who laid it out; `None` when a program did.
    pub created_by: Option<Uuid>,
    /// When it was laid out.
    pub created_at: DateTime<Utc>,
}

/// A fund to create.
#[derive(Clone, Debug)]
pub struct NewFund {
    /// Chosen by the client; repeating a request with the same id changes nothing.
    pub fund_id: Uuid,
    /// What people call it ("Public sector 2027").
    pub name: String,
    /// What its money is for.
    pub purpose: FundPurpose,
    /// The most that may ever be granted from it; more than nothing.
    pub ceiling: MicroSek,
    /// The conditions that the money comes with, in words; may be empty.
    pub conditions: String,
    /// What a year of it is expected to bring, where that is a range.
    pub envelope: Option<Envelope>,
    /// How much of the time and money that expires may be carried over, in parts per million.
    pub carry_over_ppm: i64,
    /// The first instant it may pay for.
    pub valid_from: DateTime<Utc>,
    /// The instant its money ends.
    pub valid_until: DateTime<Utc>,
}

/// Why a fund was not created.
#[derive(Debug, thiserror::Error)]
pub enum FundError {
    /// The id belongs to a fund with other particulars.
    #[error("fund id {0} was used before for another fund; choose a new id")]
    FundIdReused(Uuid),
    /// The name is empty.
    #[error("fund {0} has no name; give one that its users recognise")]
    FundNameMissing(Uuid),
    /// The period ends before it begins.
    #[error("fund {fund_id} would end at {valid_until}, not after its start at {valid_from}")]
    FundWindowBackward {
        /// The fund.
        fund_id: Uuid,
        /// Its start.
        valid_from: DateTime<Utc>,
        /// Its end.
        valid_until: DateTime<Utc>,
    },
    /// The ceiling is nothing.
    #[error("fund {0} has a ceiling of nothing; give the amount it holds")]
    FundEmpty(Uuid),
    /// The yearly range is no range.
    #[error("fund {fund_id} expects {low} to {high} a year; give the lower figure first, above 0")]
    EnvelopeNotARange {
        /// The fund.
        fund_id: Uuid,
        /// The lower figure.
        low: MicroSek,
        /// The higher figure.
        high: MicroSek,
    },
    /// More than all, or less than nothing, would be carried over.
    #[error("fund {fund_id} would carry over {carry_over_ppm} ppm; give 0 to 1000000")]
    CarryOverNotAPart {
        /// The fund.
        fund_id: Uuid,
        /// What was given.
        carry_over_ppm: i64,
    },
    /// The ledger refused.
    #[error("opening the fund's accounts in the ledger")]
    Ledger(#[from] LedgerError),
    /// The database refused or could not be reached.
    #[error("reading or writing funds")]
    Database(#[from] sqlx::Error),
}

impl FundError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FundIdReused(_) => "fund_id_reused",
            Self::FundNameMissing(_) => "fund_name_missing",
            Self::FundWindowBackward { .. } => "fund_window_backward",
            Self::FundEmpty(_) => "fund_empty",
            Self::EnvelopeNotARange { .. } => "fund_envelope_not_a_range",
            Self::CarryOverNotAPart { .. } => "fund_carry_over_not_a_part",
            Self::Ledger(error) => error.code(),
            Self::Database(_) => "quotas_database",
        }
    }
}
