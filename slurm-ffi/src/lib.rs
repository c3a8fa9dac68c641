//! libslurm behind a safe face, and the gateway that is the only program linked to it.
//!
//! From below: `shim/*.c` gives libslurm fixed signatures; `sys` is what bindgen reads of them;
//! owners (`job`, `database`, `settings`) free Slurm's memory once; rows are copied out; the
//! [`handle`] gives each call to a thread that may block. The [`worker`] process runs all that,
//! because libslurm ends or blocks its process when it pleases. The [`gateway`] process never
//! calls libslurm: it checks callers and [`bounds`] and replaces workers.
//!
//! Nothing outside this crate sees a raw pointer, a C enum or a borrowed reply.
//! `docs/SAFETY.md` lists what is assumed about libslurm.

pub mod abi;
pub mod association;
pub mod bounds;
pub mod change;
pub mod database;
pub mod error;
pub mod frame;
pub mod gateway;
pub mod handle;
pub mod job;
pub mod metrics;
pub mod needs;
pub mod ours;
pub mod probe;
mod record;
pub mod reservation;
pub mod session;
pub mod settings;
pub mod submit;
mod tres;
mod usage;
pub mod worker;

mod gres;
mod limits;
mod number;
mod policy;
mod qos;
mod sys;
mod text;

#[cfg(test)]
mod example;
