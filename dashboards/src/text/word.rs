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

    TOPPED_UP: "Topped up", "Utökad";
    GIVEN_BACK: "Given back", "Återlämnad";
    TRANSFERRED: "Transferred", "Överförd";
    CARRIED_OVER: "Carried over", "Förd till nytt år";
    SUPERSEDED: "Superseded", "Ersatt";
    EXPIRED: "Expired", "Utgången";

    WARN: "Warn", "Varna";
    STOP_NEW: "Stop new jobs", "Stoppa nya jobb";
    LOWER_QOS: "Put last in the queue", "Ställ sist i kön";
    HOLD_PENDING: "Hold waiting jobs", "Håll kvar väntande jobb";
    CANCEL_RUNNING: "Cancel running jobs", "Avbryt pågående jobb";

    SHARE_NONE: "Not kept apart", "Inte avskild";
    SET_ASIDE: "Nodes set aside", "Avdelade noder";
    GUARANTEED: "Guaranteed by preemption", "Garanterad genom företräde";
    CAPPED: "Capped", "Begränsad";

    UNIT_GPU: "GPU", "GPU";
    UNIT_MIG: "MIG instance", "MIG-instans";
    UNIT_NODE: "whole node", "hel nod";

    PUBLIC_BODY: "Public body", "Offentligt organ";
    SME: "Small or medium-sized enterprise", "Litet eller medelstort företag";
    ACADEMIA: "Academia", "Akademi";
    PUBLIC_SECTOR: "Public sector", "Offentlig sektor";
    RESEARCH: "Research", "Forskning";
    INNOVATION: "Innovation", "Innovation";

    UNPLANNED_JOB: "Job that nobody planned", "Jobb som ingen planerat";
    SECOND_START: "Started a second time", "Startat en andra gång";
    RUNAWAY_RECORD: "Record without an end", "Uppgift utan slut";
    LOST_JOB: "Lost by Slurm", "Borttappat av Slurm";
    EDITED_RECORD: "Record edited after the charge", "Uppgift ändrad efter debiteringen";

    ACCOUNT: "Accounts", "Konton";
    QOS: "QOS", "QOS";
    USER: "Users under accounts", "Användare på konton";
    RESERVATION: "Reservations", "Reservationer";

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

/// What was changed about a grant.
pub(crate) const GRANT_CHANGE: Words = &[
    ("topped_up", TOPPED_UP),
    ("given_back", GIVEN_BACK),
    ("transferred", TRANSFERRED),
    ("carried_over", CARRIED_OVER),
    ("superseded", SUPERSEDED),
    ("expired", EXPIRED),
];

/// How a grant came to its end.
pub(crate) const GRANT_ENDING: Words = &[("superseded", SUPERSEDED), ("expired", EXPIRED)];

/// What is done at a limit.
pub(crate) const LIMIT_ACTION: Words = &[
    ("warn", WARN),
    ("stop_new", STOP_NEW),
    ("lower_qos", LOWER_QOS),
    ("hold_pending", HOLD_PENDING),
    ("cancel_running", CANCEL_RUNNING),
];

/// How Slurm keeps a pool's share.
pub(crate) const SHARE: Words = &[
    ("none", SHARE_NONE),
    ("set_aside", SET_ASIDE),
    ("guaranteed", GUARANTEED),
    ("capped", CAPPED),
];

/// What is allocated as one.
pub(crate) const UNIT: Words =
    &[("gpu", UNIT_GPU), ("mig_instance", UNIT_MIG), ("node", UNIT_NODE)];

/// Kinds of applicant.
pub(crate) const CATEGORY: Words =
    &[("public_body", PUBLIC_BODY), ("sme", SME), ("academia", ACADEMIA)];

/// What a fund's money is for.
pub(crate) const PURPOSE: Words =
    &[("public_sector", PUBLIC_SECTOR), ("research", RESEARCH), ("innovation", INNOVATION)];

/// What happened that should not have.
pub(crate) const EXCEPTION: Words = &[
    ("unplanned_job", UNPLANNED_JOB),
    ("second_start", SECOND_START),
    ("runaway_record", RUNAWAY_RECORD),
    ("lost_job", LOST_JOB),
    ("edited_record", EDITED_RECORD),
];

/// Kinds of objects that the broker keeps in Slurm.
pub(crate) const SLURM_OBJECT: Words =
    &[("account", ACCOUNT), ("qos", QOS), ("user", USER), ("reservation", RESERVATION)];

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
        "grant_change" => Some(GRANT_CHANGE),
        "grant_ending" => Some(GRANT_ENDING),
        "limit_action" => Some(LIMIT_ACTION),
        "share" => Some(SHARE),
        "unit" => Some(UNIT),
        "category" => Some(CATEGORY),
        "purpose" => Some(PURPOSE),
        "exception" => Some(EXCEPTION),
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
