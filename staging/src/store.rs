//! Rows: everything this crate keeps in PostgreSQL, behind the names of [`crate::environment`] and
//! [`crate::link`]. The chunk ledger is read here.

pub mod chunk;
pub(crate) mod environment;
pub(crate) mod link;
pub(crate) mod report;
mod row;
