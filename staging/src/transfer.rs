//! Transfers: fetch what a manifest promises, believe it chunk by chunk, hand it over whole.
//!
//! The bytes are moved by OpenSSH's `sftp` client in a process of its own; nothing of the protocol is
//! made here. A batch is bounded by the kernel (`RLIMIT_FSIZE` of that process), so the client stops
//! by itself at the end of the batch, whatever the source sends. Files wait in `area/.incoming`,
//! which only the mover can read, until every one of them is what the source signed.
//!
//! Resuming trusts nothing: what waits in `.incoming` is hashed again, the first wrong chunk and all
//! after it are cut off, and `sftp` goes on from there (by itself it would go on from a wrong prefix
//! without a word).

mod area;
mod batch;
mod engine;
mod error;
mod listing;
mod mover;
mod order;
mod report;
mod sftp;
mod survey;

pub use engine::fetch;
pub use error::TransferError;
pub use mover::{Said, run_mover, serve};
pub use order::{Endpoint, Limits, MoverSite, Order};
pub(crate) use order::{is_host, is_plain_absolute, is_user};
pub use report::{ChunkRecord, Fault, FileRecord, Origin, Outcome, Report, Verdict};
