//! `cargo xtask bench NAME`: builds the programs and runs one bench.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::{Outcome, demo, setup, step};

/// `bench [--debug] NAME …`.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    let (is_debug, arguments) = match arguments {
        ["--debug", rest @ ..] => (true, rest),
        all => (false, all),
    };
    if arguments.is_empty() {
        return Err("usage: cargo xtask bench [--debug] NAME".into());
    }
    setup::packages()?;
    let mut build = demo::build();
    if !is_debug {
        build.arg("--release");
    }
    step::must(build)?;
    let folder = if is_debug { "debug" } else { "release" };
    let fault = Command::new(step::target().join(folder).join("bench")).args(arguments).exec();
    Err(format!("cannot run the bench: {fault}"))
}
