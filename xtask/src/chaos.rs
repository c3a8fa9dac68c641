//! `cargo xtask chaos`: builds the programs and breaks an installation of its own.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::{Outcome, demo, setup, step};

/// `chaos [--jobs N] [--seed S] [--logs DIR]`: everything after the word goes to the driver.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    setup::packages()?;
    step::must(demo::build())?;
    let fault = Command::new(step::target().join("debug/chaos")).args(arguments).exec();
    Err(format!("cannot run the chaos driver: {fault}"))
}
