//! Quotas: who may use how much, out of whose money, on which data.
//!
//! This crate owns agencies, projects and their members; the funds and pools that operators lay
//! out, with each agency's share of a pool and how the cluster is to keep a pool's ([`pool::share`]);
//! requests, the decisions on them, the grants that follow and what happens to these later
//! ([`grant_change`]); the permits that authorities give; and the one question all of it answers: may
//! this job plan run ([`admission`]). [`tree`] reads all of it for one cluster. Amounts move only
//! through the ledger of `accounting`; this crate keeps the facts and the rules.
//!
//! Two rules are kept here and nowhere else: funds never mix ([`fund::category_purpose`]), and
//! whoever decides on a project neither asked for it, works in it, nor operates what it is paid from
//! ([`decision`], [`grant_change`]).

pub mod access_mode;
pub mod admission;
pub mod agency;
pub mod agency_share;
pub mod decision;
#[cfg(test)]
mod fixture;
pub mod fund;
pub mod grant;
pub mod grant_change;
#[cfg(test)]
mod history;
mod inconsistency;
mod instant;
pub mod limit;
pub mod name;
pub mod permit;
pub mod pool;
pub mod project;
pub mod proof;
pub mod request;
pub mod tree;

pub use inconsistency::Inconsistency;
pub use name::{OrganisationNumber, Slug, SlurmAccount};

/// The migrations of schema `quotas`; they run after those of `accounting`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();
