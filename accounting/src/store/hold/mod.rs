//! Holds in the database: placed, settled, released, replaced.

pub(crate) mod open;
pub(crate) mod place;
mod posting;
pub(crate) mod release;
pub(crate) mod replace;
mod room;
mod row;
mod run;
pub(crate) mod settle;
mod write;
