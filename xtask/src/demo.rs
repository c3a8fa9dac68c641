//! `cargo xtask demo`: builds what the demo runs and becomes the demo.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::{Outcome, setup, step};

/// The packages whose programs make one installation, and the library that simulates NVML.
const PACKAGES: [&str; 6] = ["broker", "slurm-ffi", "agent", "staging", "tests", "simulated-nvml"];

/// Builds them.
pub(crate) fn build() -> Command {
    let mut command = step::cargo(&["build"]);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    command
}

/// `demo [--exit]`.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    if arguments.iter().any(|argument| *argument != "--exit") {
        return Err("usage: cargo xtask demo [--exit]".into());
    }
    setup::packages()?;
    step::must(build())?;
    // Replaces this process, so that Ctrl-C and the exit code are the demo's own.
    let fault = Command::new(step::target().join("debug/demo")).args(arguments).exec();
    Err(format!("cannot run the demo: {fault}"))
}
