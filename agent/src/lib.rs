//! `mimer-agent`: meters every GPU of a node by NVML and ships segments to the broker.
//!
//! ```text
//!  NVML ──1 Hz──▶ meter ──▶ integrator ──segments──▶ keeper ──▶ spool (disk)
//!  (one thread)     │        (pure)                 (one thread)   │
//!                   ▼                                              ▼
//!               metrics ◀──────────── scrapes              courier ──TLS──▶ broker
//! ```
//!
//! What it keeps true:
//! - **Missing is not zero.** A counter that could not be read is absent, with the reason; a figure
//!   stands only on at least 90 % of its segment's time.
//! - **Nothing is lost in silence.** Segments are on disk before they are sent, and leave the disk
//!   when the broker has acknowledged them. What bounds or damage take is counted.
//! - **It only reads.** No NVML setter is called, and no process's environment is read. There is no
//!   `unsafe` here: `nvml-wrapper` offers everything that is metered today.
//!
//! Besides, it tells the broker of every batch script that slurmd starts on the node ([`starts`]).
//!
//! GPUs are known by UUID and minor number, never by index: the two orders differ on real nodes.
//! This code has been run against the SIMULATED library in `tests/simulated-nvml` only; nothing in
//! it has been measured on a GPU yet.

pub mod check;
pub mod clock;
pub mod config;
pub mod courier;
pub mod gpu;
pub mod integrate;
pub mod keeper;
pub mod library;
pub mod look;
pub mod meter;
pub mod metrics;
pub mod run;
pub mod spool;
pub mod starts;
