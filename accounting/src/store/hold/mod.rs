//! Holds in the database: placed, extended, shortened, settled, released, replaced.

pub(crate) mod extend;
pub(crate) mod open;
pub(crate) mod place;
mod posting;
pub(crate) mod release;
pub(crate) mod replace;
mod room;
mod row;
mod run;
pub(crate) mod settle;
pub(crate) mod shorten;
pub(crate) mod terms;
mod write;
