//! Starts of batch scripts, told to the broker as slurmd makes them.
//!
//! slurmctld may die after it has started a job and before it has saved that. It then starts the same
//! script again, and neither slurmctld nor slurmdbd knows of the first start. The node does: slurmd
//! lays a directory `jobN` down in its spool for each start, and takes it away at the end.
//!
//! Only the directory's name and birth are looked at, never what is in it: the script is the user's.

mod kept;
pub mod look;
mod tell;

pub use kept::Kept;
pub use tell::{Teller, TellingError};
