//! The public-sector quota on a real Slurm: shares, fences, drift, crises and races.

mod crisis;
mod drift;
mod fence;
mod race;
mod rig;
mod share;
