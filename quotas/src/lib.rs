//! Quotas: who may use how much, out of whose money, on which data.
//!
//! This crate owns agencies, projects and their members; the funds and pools that operators lay
//! out; requests, the decisions on them and the grants that follow; the permits that authorities
//! give; and the one question all of it answers: may this job plan run ([`admission`]). Amounts move
//! only through the ledger of `accounting`; this crate keeps the facts and the rules.
//!
//! Two rules are kept here and nowhere else: funds never mix ([`fund::FundPurpose`]), and whoever
//! decides on a project neither asked for it, works in it, nor operates what it is paid from
//! ([`decision`]).

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
