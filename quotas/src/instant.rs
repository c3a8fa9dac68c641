//! Instants as the database keeps them.

use chrono::{DateTime, SubsecRound, Utc};

/// `instant` in whole microseconds: what comes back from the database after it was written.
///
/// A repeated request is compared with the stored one, and a client may have sent nanoseconds.
pub(crate) fn kept(instant: DateTime<Utc>) -> DateTime<Utc> {
    instant.trunc_subsecs(6)
}

/// The person behind an action, or `None` when a program acts.
pub(crate) fn person_of(actor: record::Actor) -> Option<uuid::Uuid> {
    match actor {
        record::Actor::Person(person_id) => Some(person_id),
        record::Actor::Program(_) => None,
    }
}
