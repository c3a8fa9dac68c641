//! `cargo xtask`: everything a developer or CI does with this repository, in one small program.
//!
//! It has no dependencies, so that it builds in a second and can install what the rest needs.

mod bench;
mod chaos;
mod demo;
mod lint;
mod packages;
mod postgres;
mod prepare;
mod release;
mod setup;
mod step;
mod test;
mod tools;

use std::process::ExitCode;

/// What a person sees who asks for nothing or for something unknown.
const USAGE: &str = "\
cargo xtask COMMAND

  setup            install the distribution's packages and cargo's tools that are missing
  setup --table    print the packages as README lists them
  demo [--exit]    the main job from request to invoice draft, on a real Slurm of its own
  test [--full] …  every test, on a private PostgreSQL; what follows goes to cargo nextest
  test --slurm S … the story on another Slurm: S is a suite of Debian, as trixie or sid
  lint             format, clippy, documentation, licences, queries, architecture
  bench NAME …     a bench; its last line is one JSON object (--debug: do not optimise)
  chaos …          jobs through a real Slurm while everything is killed (--jobs N --seed S)
  prepare          check every query against a database and write .sqlx";

/// What went wrong, as a sentence; the programs that are run have already said the rest.
type Fault = String;

/// The exit code to end with, or what kept the command from running.
type Outcome = Result<ExitCode, Fault>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = std::env::set_current_dir(step::root())
        .map_err(|fault| format!("cannot enter {}: {fault}", step::root().display()))
        .and_then(|()| run(&arguments));
    outcome.unwrap_or_else(|fault| {
        eprintln!("xtask: {fault}");
        ExitCode::FAILURE
    })
}

fn run(arguments: &[&str]) -> Outcome {
    match arguments {
        ["setup", "--table"] => {
            print!("{}", packages::table());
            Ok(ExitCode::SUCCESS)
        }
        ["setup"] => {
            setup::packages()?;
            tools::ALL.iter().try_for_each(tools::Tool::install)?;
            Ok(ExitCode::SUCCESS)
        }
        ["demo", rest @ ..] => demo::run(rest),
        ["test", rest @ ..] => test::run(rest),
        ["lint"] => lint::run(),
        ["bench", rest @ ..] => bench::run(rest),
        ["chaos", rest @ ..] => chaos::run(rest),
        ["prepare"] => prepare::run(),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(format!("there is no command: {}\n\n{USAGE}", arguments.join(" "))),
    }
}
