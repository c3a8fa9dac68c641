//! `cargo xtask test`: every test, with a private PostgreSQL; the last lines are nextest's own.

use crate::postgres::Postgres;
use crate::{Outcome, setup, step, tools};

/// `test [--full] [arguments of cargo nextest run]`; `--full` adds what is marked as slow.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    setup::packages()?;
    tools::NEXTEST.install()?;
    // The stories start the programs by path, so these must be there and new.
    step::must(step::cargo(&["build", "--workspace"]))?;
    let postgres = Postgres::start()?;
    let mut command = step::cargo(&["nextest", "run", "--workspace"]);
    for argument in arguments {
        match *argument {
            "--full" => command.args(["--run-ignored", "all"]),
            other => command.arg(other),
        };
    }
    command.env("DATABASE_URL", postgres.url());
    step::pass_on(command)
}
