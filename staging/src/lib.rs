//! Staging: how permitted data reaches a project's area, and how we know it is that data.
//!
//! This crate owns the secure processing environments data may come from ([`environment`]), the
//! staging links that bind one permitted dataset to one project ([`link`]), the signed manifests
//! that say what the data is ([`manifest`], [`signature`]), and the transfers that fetch it with
//! OpenSSH's own `sftp` client and believe nothing before it is hashed ([`transfer`]).
//!
//! Three rules are kept here. Nothing is fetched unless the permit allows it now, and the permit is
//! asked again before every batch and while one runs ([`gate`]). Nothing reaches the project's area
//! unless every byte of the link is what the source signed; anything else is *quarantined*, with the
//! file and chunk named. And nothing is moved by `mimerd` itself: the program `mimer-mover` does it,
//! outside any database transaction, and reports.
//!
//! A transfer, from the broker's side:
//!
//! 1. in a transaction: [`link::start_fetch`] moves the link to *fetching*; commit;
//! 2. outside: [`transfer::Order::new`], then [`transfer::run_mover`] with a [`gate::LinkGate`];
//! 3. in a transaction: [`link::record_report`] keeps the chunk ledger and moves the link on.

pub mod digest;
pub mod environment;
pub mod gate;
pub mod link;
pub mod manifest;
pub mod path;
pub mod signature;
pub mod source;
pub mod store;
pub mod transfer;

pub use digest::Sha256;

/// The migrations of schema `staging`; they run after those of `quotas`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The tables of this crate whose rows the sealer chains.
pub const SEALED_TABLES: &[record::SealedTable] = &[
    record::SealedTable {
        name: "staging.transfer",
        key: "transfer_id",
        keys: record::Keys::Given,
        columns: &[
            "transfer_id",
            "link_id",
            "outcome",
            "reason",
            "manifest_sha256",
            "fetched_bytes",
            "kept_bytes",
            "batch_count",
            "at",
            "trace_id",
        ],
    },
    record::SealedTable {
        name: "staging.chunk",
        key: "chunk_id",
        keys: record::Keys::Fresh,
        columns: &[
            "chunk_id",
            "transfer_id",
            "file_no",
            "chunk_no",
            "size_bytes",
            "sha256",
            "origin",
            "verdict",
            "at",
        ],
    },
];
