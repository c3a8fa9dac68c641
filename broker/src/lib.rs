//! The broker: `mimerd`, the service between agencies and a Slurm cluster, and what `mimer` needs.
//!
//! This crate owns the HTTP API, who may call it ([`auth`]), job plans and attempts ([`plan`]), the
//! outbox that carries effects to Slurm and to the links ([`outbox`]), the watcher that reads Slurm
//! ([`watch`]), the keeper of Slurm's accounts and limits ([`cluster`]) and the background duties
//! ([`duty`]). The rules of money, quota and staging live in
//! the crates below it; libslurm lives behind `mimer-slurm-gateway`, of which only the protocol is
//! known here ([`gateway`]).

pub mod accounts;
pub mod api;
pub mod app;
pub mod auth;
pub mod cluster;
pub mod config;
pub mod crisis;
pub mod database;
pub mod duty;
pub mod exception;
pub mod gateway;
pub mod health;
pub mod leader;
pub mod limit;
pub mod metrics;
pub mod outbox;
pub mod pages;
pub mod plan;
pub mod reconcile;
pub mod run_key;
pub mod script_start;
pub mod segment;
pub mod serve;
pub mod settings;
#[cfg(test)]
mod stage;
pub mod tls;
pub mod watch;
pub mod why;
pub mod witness;

/// The migrations of schema `broker`; they run after every other crate's.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();
