//! Rows that cannot be: the database holds what no code of ours could have written.
//!
//! Such a row is a bug or a hand-made change, never the caller's mistake. It travels as a decoding
//! error of the database, so that whoever meets it answers "internal error" and raises an alarm.

use uuid::Uuid;

/// A value in the database that the product does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{table}.{column} of row {row} holds a value that cannot be")]
pub struct Inconsistency {
    /// Schema-qualified table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// Key of the row.
    pub row: Uuid,
}

impl From<Inconsistency> for sqlx::Error {
    fn from(inconsistency: Inconsistency) -> Self {
        Self::Decode(Box::new(inconsistency))
    }
}
