//! The record: what every other crate may trust about time, ids, amounts and the past.
//!
//! This crate owns the units ([`GpuSeconds`], [`MicroSek`]), the only readers of the wall clock and
//! of the id source ([`Clock`], [`id::fresh`]), the audit trail ([`audit`]) and the chain that
//! seals committed rows so that a later change shows ([`seal`]). It imports nothing of ours.

pub mod audit;
pub mod clock;
pub mod id;
pub mod language;
pub mod month;
pub mod person;
pub mod seal;
pub mod units;

pub use audit::{Actor, AuditRow, Stamp};
pub use clock::Clock;
pub use language::Language;
pub use month::Month;
pub use seal::{Keys, SealedTable};
pub use units::{GpuSeconds, MicroSek};

/// The migrations of schema `record`; they run before every other crate's.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The tables of this crate whose rows the sealer chains.
pub const SEALED_TABLES: &[SealedTable] = &[SealedTable {
    name: "record.audit",
    key: "audit_id",
    keys: Keys::Fresh,
    columns: &[
        "audit_id",
        "at",
        "actor_person_id",
        "actor_program",
        "action",
        "subject_kind",
        "subject_id",
        "details",
        "why_digest",
        "trace_id",
    ],
}];
