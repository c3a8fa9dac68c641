//! Holds in the database: placed, settled, released.

pub(crate) mod place;
mod posting;
pub(crate) mod release;
mod row;
mod run;
pub(crate) mod settle;
mod write;
