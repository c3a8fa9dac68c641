//! Allocation units as people write and read them: `gpu`, `node`, `mig:0,25`.

use serde::Serialize;
use serde_json::Value;

use crate::amount::{self, AmountError, WHOLE_PPM};

/// What is allocated, limited and priced as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "unit", rename_all = "snake_case")]
pub(crate) enum Unit {
    /// One GPU.
    Gpu,
    /// One MIG instance, with its share of a GPU.
    MigInstance {
        /// In parts per million.
        share_ppm: i64,
    },
    /// A whole node.
    Node,
}

/// Why a text is not a unit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnitError {
    /// Another word.
    #[error("`{0}` is not a unit; write gpu, node, or mig:SHARE as mig:0,25")]
    NotAUnit(String),
    /// A MIG instance without a share, or larger than its GPU.
    #[error("`{0}` is not a share of a GPU; write more than 0 and less than 1, as mig:0,25")]
    NotAShare(String),
    /// A share that is no number.
    #[error(transparent)]
    Amount(#[from] AmountError),
}

/// Reads a unit.
pub(crate) fn unit(text: &str) -> Result<Unit, UnitError> {
    match text.split_once(':') {
        None if text == "gpu" => Ok(Unit::Gpu),
        None if text == "node" => Ok(Unit::Node),
        Some(("mig", share)) => match amount::factor_ppm(share)? {
            share_ppm if 0 < share_ppm && share_ppm < WHOLE_PPM => {
                Ok(Unit::MigInstance { share_ppm })
            }
            _ => Err(UnitError::NotAShare(share.to_owned())),
        },
        None | Some(_) => Err(UnitError::NotAUnit(text.to_owned())),
    }
}

/// A unit of the API as it is written; one that this program does not know is shown as it came.
pub(crate) fn show(unit: &Value) -> String {
    match (unit["unit"].as_str(), unit["share_ppm"].as_i64()) {
        (Some(_), Some(share_ppm)) => format!("mig:{}", amount::show_factor(share_ppm)),
        (Some(word), None) => word.to_owned(),
        (None, _) => unit.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn units_are_shown_as_they_are_written() {
        for (text, of_api) in [
            ("gpu", json!({ "unit": "gpu" })),
            ("node", json!({ "unit": "node" })),
            ("mig:0.25", json!({ "unit": "mig_instance", "share_ppm": 250_000 })),
        ] {
            assert_eq!(json!(unit(text).unwrap()), of_api, "{text}");
            assert_eq!(show(&of_api), text);
        }
    }

    #[test]
    fn what_is_no_unit_is_refused() {
        for text in ["", "GPU", "mig", "shard:0,5"] {
            assert_eq!(unit(text), Err(UnitError::NotAUnit(text.to_owned())));
        }
        for share in ["0", "1", "2"] {
            assert_eq!(unit(&format!("mig:{share}")), Err(UnitError::NotAShare(share.to_owned())));
        }
    }
}
