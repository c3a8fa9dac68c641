//! Cargo's tools: installed when a command needs one and it is missing.

use crate::{Fault, step};

/// A program that is installed with `cargo install`.
#[derive(Debug)]
pub(crate) struct Tool {
    /// Arguments to cargo that succeed when the tool is there.
    probe: &'static [&'static str],
    /// The crate, and what it is built with.
    install: &'static [&'static str],
    purpose: &'static str,
}

/// Runs the tests, each in a process of its own.
pub(crate) const NEXTEST: Tool = Tool {
    probe: &["nextest", "--version"],
    install: &["cargo-nextest@0.9.143"],
    purpose: "runs the tests",
};

/// Migrates a database and checks queries against it.
pub(crate) const SQLX: Tool = Tool {
    probe: &["sqlx", "--version"],
    install: &[
        "sqlx-cli@0.9.0",
        "--no-default-features",
        // Without `sqlx-toml` it stops at the first sqlx.toml.
        "--features=postgres,rustls,sqlx-toml",
    ],
    purpose: "checks the queries against a database",
};

/// Guards licences, bans and sources of dependencies.
pub(crate) const DENY: Tool = Tool {
    probe: &["deny", "--version"],
    install: &["cargo-deny@0.20.2"],
    purpose: "checks licences and sources of dependencies",
};

/// Every tool.
pub(crate) const ALL: [Tool; 3] = [NEXTEST, SQLX, DENY];

impl Tool {
    /// Installs the tool unless it is there; takes minutes.
    pub(crate) fn install(&self) -> Result<(), Fault> {
        if step::succeeds(&mut step::cargo(self.probe)) {
            return Ok(());
        }
        eprintln!("xtask: cargo {} is missing; it {}", self.probe[0], self.purpose);
        let mut command = step::cargo(&["install", "--locked"]);
        // A folder of its own under /tmp, so that the workspace's settings do not reach it.
        command.args(self.install).current_dir("/").env_remove("CARGO_TARGET_DIR");
        step::must(command)
    }
}
