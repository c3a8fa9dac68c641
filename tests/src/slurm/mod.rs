//! A private, real Slurm cluster.
//!
//! Everything lives in one directory and listens on free loopback ports, so clusters do not see
//! each other nor a Slurm that the machine already has. Settings are those that the broker asks of
//! a site, with short intervals; see `settings.rs`.

mod account;
mod cluster;
mod control;
mod database;
mod plan;
mod sacct;
mod settings;

pub use cluster::Cluster;
pub use plan::ClusterPlan;
pub use sacct::SacctRow;
