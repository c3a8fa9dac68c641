//! Ids: the only place that makes new ones.
//!
//! Ids are UUID version 7, so that keys made later sort later. The sealer does not rely on that.

use chrono::{TimeDelta, Utc};
use uuid::{Builder, Uuid};

/// A new id.
#[expect(clippy::disallowed_methods, reason = "this is the one maker of ids")]
pub fn fresh() -> Uuid {
    Uuid::now_v7()
}

/// The least id that can have been made within the last so long, by the clock that ids are made by.
#[expect(clippy::disallowed_methods, reason = "ids carry the machine's own time")]
pub fn least_of_the_last(span: TimeDelta) -> Uuid {
    let since = (Utc::now() - span).timestamp_millis();
    Builder::from_unix_timestamp_millis(since.try_into().unwrap_or(0), &[0; 10]).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_id_lies_between_those_made_before_and_after() {
        let before = fresh();
        assert!(least_of_the_last(TimeDelta::seconds(1)) < before);
        assert!(before < least_of_the_last(TimeDelta::seconds(-1)));
    }
}
