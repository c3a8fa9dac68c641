//! `cargo xtask lint`: everything that can be found without running the product.
//!
//! Every step runs, also after a fault, and all results are listed at the end.

use std::process::{Command, ExitCode};

use crate::{Fault, Outcome, prepare, setup, step, tools};

/// How a step ended.
enum Verdict {
    Clean,
    Fault(Fault),
    /// Something outside this repository could not be reached.
    NotChecked(&'static str),
}

/// A step by the name that the list at the end gives it.
type Step = (&'static str, fn() -> Result<Verdict, Fault>);

const STEPS: [Step; 7] = [
    ("format", || clean(step::cargo(&["fmt", "--all", "--check"]))),
    ("clippy", clippy),
    ("documentation", documentation),
    ("licences, bans, sources", dependencies),
    ("advisories", advisories),
    ("queries", || prepare::check().map(|()| Verdict::Clean)),
    ("architecture", || {
        let filter = ["test", "--quiet", "--package", "tests", "--test", "architecture"];
        clean(step::cargo(&filter))
    }),
];

/// `lint`.
pub(crate) fn run() -> Outcome {
    setup::packages()?;
    tools::DENY.install()?;
    let verdicts = STEPS.map(|(name, check)| (name, check().unwrap_or_else(Verdict::Fault)));
    let mut code = ExitCode::SUCCESS;
    eprintln!();
    for (name, verdict) in verdicts {
        match verdict {
            Verdict::Clean => eprintln!("{name}: clean"),
            Verdict::NotChecked(why) => eprintln!("{name}: not checked ({why})"),
            Verdict::Fault(fault) => {
                eprintln!("{name}: FAULT: {fault}");
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn clean(command: Command) -> Result<Verdict, Fault> {
    step::must(command).map(|()| Verdict::Clean)
}

fn clippy() -> Result<Verdict, Fault> {
    clean(step::cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
}

fn documentation() -> Result<Verdict, Fault> {
    let mut command = step::cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    command.env("RUSTDOCFLAGS", "--deny warnings");
    clean(command)
}

fn dependencies() -> Result<Verdict, Fault> {
    clean(step::cargo(&["deny", "--log-level", "error", "check", "licenses", "bans", "sources"]))
}

/// Known vulnerabilities, where their list can be fetched within a minute.
fn advisories() -> Result<Verdict, Fault> {
    let mut fetch = Command::new("timeout");
    fetch.args(["60", "cargo", "deny", "fetch", "db"]);
    if !step::succeeds(&mut fetch) {
        return Ok(Verdict::NotChecked("their list cannot be fetched from here"));
    }
    clean(step::cargo(&["deny", "--log-level", "error", "check", "--disable-fetch", "advisories"]))
}
