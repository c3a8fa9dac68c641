//! What the gateway does in slurmctld, on a real Slurm: jobs, reservations, the share, the door.
//!
//! No broker here: the calls are the gateway's own, and `squeue`, `scontrol` and `sacct` are the
//! second opinion. These tests need root and Slurm's packages.
#![expect(clippy::unwrap_used, reason = "a step that fails ends the test")]

mod array;
mod door;
mod gpus;
mod job;
mod keyed;
mod life;
mod reservation;
mod rig;
mod share;
mod watch;
