//! slurmdbd's key of a run, as people and programs see it.

use std::fmt;

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// slurmdbd's key of a run (`sacct -o dbindex`).
///
/// An unsigned number of 64 bits, of which Slurm 24.11 and later use all. It is kept as the signed
/// number of the same bits, and is text in JSON: many readers of JSON round numbers above 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, sqlx::Type, ToSchema)]
#[schema(value_type = String, example = "14410195583230377985")]
#[sqlx(transparent)]
pub struct RunKey(pub i64);

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.cast_unsigned())
    }
}

impl Serialize for RunKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_above_the_signed_numbers_is_told_as_sacct_does() {
        assert_eq!(serde_json::json!(RunKey(-1)), serde_json::json!("18446744073709551615"));
        assert_eq!(RunKey(7).to_string(), "7");
    }
}
