//! Accounting: what was granted, what is set aside, what was used, and what it costs.
//!
//! This crate owns the schema `accounting`. Its heart is a double-entry ledger in two units,
//! GPU-seconds and µSEK ([`ledger`]): every amount that appears somewhere has left somewhere else,
//! entries are only ever added, and each balance can be recomputed from them. A [`hold`] sets time
//! and money of a project's grants aside before a job starts and is settled with what Slurm says
//! the job took; use that no grant had room for waits in its [`overrun`] for two people. Prices come from dated rate cards ([`rate_card`]), the arithmetic is in [`rate`]
//! and [`apportion`], the result is a list of charges ([`charge`]) and a monthly invoice draft
//! ([`invoice`]).
//!
//! What always holds here:
//!
//! - held + settled is never above granted, in neither unit, under any concurrency;
//! - a run is charged once, whatever is read twice;
//! - use above a hold is posted, never clipped: to the grant if it has room, else to its overrun;
//! - a hold keeps the price it was quoted;
//! - money of one fund never pays for what another fund granted;
//! - integers only, 128 bits in between, half up, once.
//!
//! Functions take the caller's open transaction and never begin or end one. Every id is chosen by
//! the caller: the same request again changes nothing and gets the same answer, another request
//! under the same id is refused by name.
#![deny(clippy::float_arithmetic)]

use record::{Keys, SealedTable};

pub mod apportion;
pub mod charge;
pub mod hold;
pub mod invoice;
pub mod ledger;
pub mod overrun;
pub mod rate;
pub mod rate_card;
pub mod run;
mod spread;
mod store;

pub use store::Inconsistency;

/// The migrations of schema `accounting`; they run after those of `record`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The tables of this crate whose rows the sealer chains. All are insert-only.
pub const SEALED_TABLES: &[SealedTable] = &[
    SealedTable {
        name: "accounting.entry",
        key: "entry_id",
        keys: Keys::Fresh,
        columns: &[
            "entry_id",
            "transfer_id",
            "kind",
            "unit",
            "from_account_id",
            "to_account_id",
            "amount",
            "hold_id",
            "run_id",
            "corrects",
            "at",
            "trace_id",
        ],
    },
    SealedTable {
        name: "accounting.run",
        key: "run_id",
        keys: Keys::Fresh,
        columns: &[
            "run_id",
            "hold_id",
            "cluster",
            "slurm_job_id",
            "db_index",
            "started_at",
            "ended_at",
            "gpu_count",
            "gpu_seconds",
            "state",
            "chargeable",
            "observation_id",
            "recorded_at",
        ],
    },
    SealedTable {
        name: "accounting.extension",
        key: "extension_id",
        keys: Keys::Given,
        columns: &[
            "extension_id",
            "hold_id",
            "extension_no",
            "offered_grant_ids",
            "gpu_seconds",
            "usek",
            "extended_at",
            "expires_at",
        ],
    },
    SealedTable {
        name: "accounting.extension_end",
        key: "extension_id",
        keys: Keys::Given,
        columns: &["extension_id", "shortened_at"],
    },
    SealedTable {
        name: "accounting.charge",
        key: "charge_id",
        keys: Keys::Fresh,
        columns: &[
            "charge_id",
            "run_id",
            "hold_id",
            "grant_id",
            "agency_id",
            "project_id",
            "rate_id",
            "month",
            "gpu_seconds",
            "usek",
            "charged_at",
        ],
    },
    SealedTable {
        name: "accounting.grant_move",
        key: "transfer_id",
        keys: Keys::Given,
        columns: &[
            "transfer_id",
            "kind",
            "fund_id",
            "from_grant_id",
            "to_grant_id",
            "gpu_seconds",
            "usek",
            "moved_at",
        ],
    },
    SealedTable {
        name: "accounting.over_allocation",
        key: "transfer_id",
        keys: Keys::Given,
        columns: &["transfer_id", "pool_id", "gpu_seconds", "allocated_at"],
    },
    SealedTable {
        name: "accounting.clearing",
        key: "clearing_id",
        keys: Keys::Given,
        columns: &[
            "clearing_id",
            "grant_id",
            "gpu_seconds",
            "usek",
            "how",
            "proposed_by",
            "proposed_at",
        ],
    },
    SealedTable {
        name: "accounting.clearing_end",
        key: "clearing_id",
        keys: Keys::Given,
        columns: &["clearing_id", "proposed_by", "decided_by", "verdict", "decided_at"],
    },
    SealedTable {
        name: "accounting.cleared_charge",
        key: "cleared_charge_id",
        keys: Keys::Fresh,
        columns: &[
            "cleared_charge_id",
            "clearing_id",
            "run_id",
            "hold_id",
            "grant_id",
            "agency_id",
            "project_id",
            "rate_id",
            "month",
            "gpu_seconds",
            "usek",
            "charged_at",
        ],
    },
];
