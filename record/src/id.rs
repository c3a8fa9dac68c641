//! Ids: the only place that makes new ones.
//!
//! Ids are UUID version 7, so that keys made later sort later. The sealer does not rely on that.

use uuid::Uuid;

/// A new id.
#[expect(clippy::disallowed_methods, reason = "this is the one maker of ids")]
pub fn fresh() -> Uuid {
    Uuid::now_v7()
}
