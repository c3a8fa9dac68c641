//! The SQL of this crate: what is locked, what is read, what is written.
//!
//! The rules live beside the types; this folder keeps them in the database.

pub(crate) mod book;
pub(crate) mod charge;
pub(crate) mod charge_sum;
pub(crate) mod clearing;
pub(crate) mod grant;
pub(crate) mod grant_move;
pub(crate) mod grant_transfer;
pub(crate) mod grant_use;
pub(crate) mod hold;
pub(crate) mod ledger;
mod move_row;
pub(crate) mod over_allocation;
pub(crate) mod overrun;
pub(crate) mod rate_card;
pub(crate) mod run;
pub(crate) mod verify;

#[cfg(test)]
mod tests;

use chrono::{DateTime, SubsecRound, Utc};
use record::{GpuSeconds, MicroSek};
use uuid::Uuid;

/// A row says what cannot be: a bug or a hand in the database, never the caller's fault.
///
/// Travels as [`sqlx::Error::Decode`], so that every error enum says it in its `Database` variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{table} says in {column} of row {row} what cannot be")]
pub struct Inconsistency {
    /// Schema-qualified table.
    pub table: &'static str,
    /// The column or columns.
    pub column: &'static str,
    /// The key of the row.
    pub row: Uuid,
}

impl From<Inconsistency> for sqlx::Error {
    fn from(inconsistency: Inconsistency) -> Self {
        Self::Decode(Box::new(inconsistency))
    }
}

/// Time as a row keeps it; `place` tells where, in case it is negative.
fn gpu_seconds(amount: i64, place: Inconsistency) -> Result<GpuSeconds, Inconsistency> {
    GpuSeconds::new(amount).ok_or(place)
}

/// Money as a row keeps it; `place` tells where, in case it is negative.
fn micro_sek(amount: i64, place: Inconsistency) -> Result<MicroSek, Inconsistency> {
    MicroSek::new(amount).ok_or(place)
}

/// An instant as the database keeps it, so that a request can be compared with its row.
fn kept(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(6)
}

/// Whether the database refused because of this constraint.
fn broke(error: &sqlx::Error, constraint: &str) -> bool {
    error.as_database_error().is_some_and(|error| error.constraint() == Some(constraint))
}
