//! `cargo xtask test`: every test, with a private PostgreSQL; the last lines are nextest's own.
//!
//! With `--slurm SUITE`, the story on another release of Slurm; the last line then names it.

use std::fs;
use std::process::Command;

use crate::postgres::Postgres;
use crate::release::Release;
use crate::{Outcome, setup, step, tools};

/// What `.config/nextest.toml` calls the tests that every release must pass.
const STORY: &str = "story";

/// `test [--full] [arguments of cargo nextest run]`; `--full` adds what is marked as slow.
pub(crate) fn run(arguments: &[&str]) -> Outcome {
    if let ["--slurm", rest @ ..] = arguments {
        return on_release(rest);
    }
    setup::packages()?;
    tools::NEXTEST.install()?;
    // The stories start the programs by path, so these must be there and new.
    step::must(step::cargo(&["build", "--workspace"]))?;
    let postgres = Postgres::start()?;
    step::pass_on(nextest(&postgres, &[], arguments))
}

/// `test --slurm SUITE [--full] [arguments of cargo nextest run]`.
fn on_release(arguments: &[&str]) -> Outcome {
    let [suite, rest @ ..] = arguments else {
        return Err("usage: cargo xtask test --slurm SUITE, as in --slurm trixie".into());
    };
    setup::packages()?;
    tools::NEXTEST.install()?;
    let release = Release::prepare(suite)?;
    step::must(step::cargo(&["build", "--workspace"]))?;
    // nextest's own folder, which does not follow cargo's target folder.
    let report = step::root().join("target/nextest").join(STORY).join("junit.xml");
    // What an earlier run said must not be taken for this one's.
    let _absent = fs::remove_file(&report);
    let postgres = Postgres::start()?;
    let command = nextest(&postgres, &["--profile", STORY], rest);
    let code = step::pass_on(release.around(&command))?;
    let said = fs::read_to_string(&report).ok().and_then(|report| summary(&report));
    let said = said.unwrap_or_else(|| "no test was run".to_owned());
    eprintln!("slurm {}: {said}", release.name());
    Ok(code)
}

fn nextest(postgres: &Postgres, options: &[&str], arguments: &[&str]) -> Command {
    let mut command = step::cargo(&["nextest", "run", "--workspace"]);
    command.args(options);
    for argument in arguments {
        match *argument {
            "--full" => command.args(["--run-ignored", "all"]),
            other => command.arg(other),
        };
    }
    command.env("DATABASE_URL", postgres.url());
    command
}

/// "12 passed", or "11 passed, 1 FAILED", of a report in JUnit's form.
fn summary(report: &str) -> Option<String> {
    let whole = report.split_once("<testsuites ")?.1.split_once('>')?.0;
    let figure = |name: &str| -> Option<u32> {
        let text = whole.split_once(&format!("{name}=\""))?.1.split_once('"')?.0;
        text.parse().ok()
    };
    let failed = figure("failures")? + figure("errors")?;
    let passed = figure("tests")?.checked_sub(failed)?;
    let failures = if failed == 0 { String::new() } else { format!(", {failed} FAILED") };
    Some(format!("{passed} passed{failures}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_summed_up_in_one_line() {
        let report = r#"<testsuites name="nextest-run" tests="12" failures="1" errors="0">"#;
        assert_eq!(summary(report).unwrap(), "11 passed, 1 FAILED");
        let clean = report.replace(r#"failures="1""#, r#"failures="0""#);
        assert_eq!(summary(&clean).unwrap(), "12 passed");
        assert_eq!(summary("<testsuites tests=\"1\">"), None);
    }
}
