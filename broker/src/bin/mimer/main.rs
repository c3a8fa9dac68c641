//! `mimer`: the broker's command line, for people and for their programs.
//!
//! Each command is one call of the HTTP API, or a few. It keeps nothing but who a person is to
//! which server ([`profile`]). This file alone reads the environment and gives the exit code.

mod access_mode;
mod agency;
mod agency_share;
mod amount;
mod audit;
mod charges;
mod client;
mod cluster;
mod command;
mod completion;
mod crisis;
mod dead_letter;
mod decision;
mod environment;
mod exception;
mod failure;
mod fund;
mod grant;
mod grant_change;
mod instant;
mod invoice;
mod job;
mod job_life;
mod job_plan;
mod job_text;
mod limit;
mod limit_policy;
mod link;
mod login;
mod me;
mod member;
mod overrun;
mod permit;
mod plan;
mod pool;
mod pool_share;
mod pool_unit;
mod profile;
mod project;
mod proof;
mod quote;
mod rate_card;
mod reconcile;
mod reference;
mod refusal;
mod request;
mod secret;
mod session;
mod size;
mod table;
mod wait;
mod why;
mod window;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use record::Language;

use crate::command::Arguments;
use crate::failure::{Failure, REFUSED};
use crate::profile::{ProfileError, ProfileStore};
use crate::session::{Ending, Output};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.json;
    match run(arguments) {
        Ok(Ending::Well) => ExitCode::SUCCESS,
        Ok(Ending::NotWell) => ExitCode::from(REFUSED),
        Err(failure) => {
            if json {
                eprintln!("{:#}", failure.for_programs());
            } else {
                eprintln!("{}", failure.for_people());
            }
            ExitCode::from(failure.exit())
        }
    }
}

fn run(arguments: Arguments) -> Result<Ending, Failure> {
    let store = store(arguments.profile)?;
    let output = Output { json: arguments.json, language: language() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(arguments.command.run(&store, output));
    // A thread that still reads the keyboard after Ctrl-C must not be waited for.
    runtime.shutdown_background();
    outcome
}

/// The language of the terminal, by the first of the variables that POSIX gives it; English if it is
/// another than the broker's two.
fn language() -> Language {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(variable);
    let tag = locale.map(|locale| locale.to_string_lossy().replace('_', "-"));
    tag.and_then(|tag| Language::from_tag(&tag)).unwrap_or_default()
}

/// Where the person's identities are kept (XDG Base Directory Specification 0.8), and which one.
fn store(profile: Option<String>) -> Result<ProfileStore, ProfileError> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let configuration = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".config")))
        .ok_or(ProfileError::NoHome)?;
    let name = profile
        .or_else(|| variable("MIMER_PROFILE")?.into_string().ok())
        .unwrap_or_else(|| "default".to_owned());
    Ok(ProfileStore { file: configuration.join("mimer/client.toml"), name })
}
