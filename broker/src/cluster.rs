//! What the broker keeps in Slurm: accounts, users, QOS and reservations.
//!
//! What Slurm should have is computed ([`wanted`]) from grants, members, limits and shares
//! ([`facts`]), compared with what it has ([`actual`]) and with what is remembered ([`memory`]), and
//! told as differences ([`diff`]). Only those are written ([`step`], [`apply`]): by the [`keeper`]
//! what the broker wants to change, and by an operator's word what somebody changed by hand.

pub mod actual;
pub mod apply;
pub mod diff;
pub mod facts;
pub mod field;
pub mod import;
pub mod keeper;
pub mod line;
pub mod look;
pub mod memory;
pub mod name;
pub mod object;
mod place;
pub mod read;
pub mod step;
pub mod wanted;

pub(crate) use place::{Place, place};
