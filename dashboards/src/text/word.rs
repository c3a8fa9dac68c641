//! Words for the states and codes that the database keeps.
//!
//! A code without a word here is shown as it is, so a page never fails over a new one; a test reads
//! the database's own enums and fails until the word is there.

use super::texts;

texts! {
    ADMITTED: "Admitted", "Godkänt";
    SUBMITTED: "In the queue, held", "I kö, hålls kvar";
    RELEASED: "In the queue", "I kö";
    RUNNING: "Running", "Körs";
    ENDED: "Ended", "Avslutat";
    SETTLED: "Settled", "Avräknat";
    CANCELLED: "Cancelled", "Avbrutet";
    REFUSED: "Refused", "Avvisat";

    HOLD_OPEN: "Open", "Öppen";
    HOLD_SETTLED: "Settled", "Avräknad";
    HOLD_RELEASED: "Released", "Återlämnad";

    AGENCY_MEMBER: "agency member", "myndighetens medlem";
    DECIDER: "decider", "beslutsfattare";
    OPERATOR: "operator", "drift";
    FINANCE: "finance", "ekonomi";
    CONTROLLER: "data controller", "personuppgiftsansvarig";

    LINK_OPEN: "Open", "Öppen";
    FETCHING: "Being fetched", "Hämtas";
    VERIFIED: "Verified", "Verifierad";
    QUARANTINED: "In quarantine", "I karantän";
    FAILED: "Failed", "Misslyckad";
    REVOKED: "Revoked", "Återkallad";

    UNDECIDED: "Waits for a decision", "Väntar på beslut";
    APPROVED: "Approved", "Beviljad";
    REJECTED: "Rejected", "Avslagen";

    STALE: "too few samples", "för få avläsningar";
    UNSUPPORTED: "the GPU has no such counter", "GPU:n saknar räknaren";
    NO_PERMISSION: "the agent may not read it", "agenten får inte läsa den";
    GPU_LOST: "the GPU does not answer", "GPU:n svarar inte";
    COUNTER_ENERGY: "energy", "energi";
    COUNTER_UTILIZATION: "utilization", "utnyttjande";
    COUNTER_MEMORY: "memory", "minne";
    COUNTER_PROCESSES: "processes", "processer";
}

pub(crate) type Words = &'static [(&'static str, super::Text)];

/// States of an attempt.
pub(crate) const ATTEMPT: Words = &[
    ("admitted", ADMITTED),
    ("submitted", SUBMITTED),
    ("released", RELEASED),
    ("running", RUNNING),
    ("ended", ENDED),
    ("settled", SETTLED),
    ("cancelled", CANCELLED),
    ("refused", REFUSED),
];

/// States of a hold.
pub(crate) const HOLD: Words =
    &[("open", HOLD_OPEN), ("settled", HOLD_SETTLED), ("released", HOLD_RELEASED)];

/// Roles of a person.
pub(crate) const ROLE: Words = &[
    ("agency_member", AGENCY_MEMBER),
    ("decider", DECIDER),
    ("operator", OPERATOR),
    ("finance", FINANCE),
    ("controller", CONTROLLER),
];

/// States of a staging link.
pub(crate) const LINK: Words = &[
    ("open", LINK_OPEN),
    ("fetching", FETCHING),
    ("verified", VERIFIED),
    ("quarantined", QUARANTINED),
    ("failed", FAILED),
    ("revoked", REVOKED),
];

/// What was decided about a request.
pub(crate) const DECISION: Words =
    &[("undecided", UNDECIDED), ("approved", APPROVED), ("rejected", REJECTED)];

/// Why a counter could not be read.
pub(crate) const MISSING: Words = &[
    ("stale", STALE),
    ("unsupported", UNSUPPORTED),
    ("no_permission", NO_PERMISSION),
    ("gpu_lost", GPU_LOST),
];

/// The counters of a segment.
pub(crate) const COUNTER: Words = &[
    ("energy_mj", COUNTER_ENERGY),
    ("utilization_pct_ms", COUNTER_UTILIZATION),
    ("memory_max_mib", COUNTER_MEMORY),
    ("process_count", COUNTER_PROCESSES),
];

/// The words for one family of codes.
pub(crate) fn family(name: &str) -> Option<Words> {
    match name {
        "attempt" => Some(ATTEMPT),
        "hold" => Some(HOLD),
        "role" => Some(ROLE),
        "link" => Some(LINK),
        "decision" => Some(DECISION),
        "missing" => Some(MISSING),
        "counter" => Some(COUNTER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Language, text::Say as _};

    #[test]
    fn an_unknown_code_is_shown_as_it_is() {
        assert_eq!(Language::Swedish.word(ATTEMPT, "running"), "Körs");
        assert_eq!(Language::Swedish.word(ATTEMPT, "levitating"), "levitating");
    }
}
