//! `mimer-agent`: the command line.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use agent::config::Config;
use anyhow::Context;
use clap::{Parser, Subcommand};

/// Meters every GPU of this node by NVML and ships segments to the broker.
#[derive(Debug, Parser)]
#[command(version, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The configuration, a TOML file.
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print what NVML offers on this node, and change nothing.
    Check {
        /// The configuration, a TOML file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(tracing::Level::INFO)
        .init();
    let done = match arguments {
        Arguments { command: Some(Command::Check { config }), .. } => check(&config),
        Arguments { config: Some(config), .. } => run(&config),
        Arguments { config: None, .. } => unreachable!("clap demands --config"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mimer-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check(config: &std::path::Path) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let report = agent::check::report(&config)?;
    print!("{report}");
    Ok(())
}

fn run(config: &std::path::Path) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another provider of cryptography is installed already"))?;
    // One thread is plenty: the two that may block, on NVML and on the disk, are not its.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .thread_keep_alive(std::time::Duration::from_secs(5))
        .build()
        .context("starting the runtime")?
        .block_on(agent::run::run(config))
}
