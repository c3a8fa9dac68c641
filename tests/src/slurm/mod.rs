//! A private, real Slurm cluster.
//!
//! Everything lives in one directory and listens on free loopback ports, so clusters do not see
//! each other nor a Slurm that the machine already has. Settings are those that the broker asks of
//! a site, with short intervals; see `settings.rs`.

mod account;
mod assoc_mgr;
mod cluster;
mod control;
mod database;
mod past;
mod plan;
mod release;
mod sacct;
mod settings;
mod squeue;

pub use assoc_mgr::{Bound, LimitFacts};
pub use cluster::Cluster;
pub use past::Sbatch;
pub use plan::ClusterPlan;
pub use release::Release;
pub use sacct::SacctRow;
pub use squeue::SqueueRow;
