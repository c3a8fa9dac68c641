//! mimer-slurm-gateway: the only program linked to libslurm.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use slurm_ffi::bounds::BoundsFile;
use slurm_ffi::frame::WorkerKind;
use slurm_ffi::{gateway, probe, worker};
use tracing_subscriber::EnvFilter;

/// Lets the broker do a bounded set of things in Slurm.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The bounds file (TOML), root's and writable by root alone.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Read and check the bounds file, print it with its defaults, and stop.
    #[arg(long)]
    check: bool,
    /// What to log, as in `info` or `slurm_ffi=debug`.
    #[arg(long, default_value = "info")]
    log: String,
    /// Log JSON lines.
    #[arg(long)]
    log_json: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Run as a worker of the gateway; the gateway starts these itself.
    #[command(hide = true)]
    Worker {
        /// Which one.
        kind: WorkerKind,
        /// The cluster's name.
        #[arg(long)]
        cluster: String,
    },
    /// Try the broker's doors as whoever runs this; the gateway starts it itself.
    #[command(hide = true)]
    Probe,
}

fn main() -> ExitCode {
    match begin(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mimer-slurm-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn begin(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.role {
        Some(Role::Worker { kind, cluster }) => {
            return Ok(worker::run(kind, &lone_slurm_conf()?, &cluster)?);
        }
        Some(Role::Probe) => return Ok(probe::run(&lone_slurm_conf()?)?),
        None => (),
    }
    let Some(config) = arguments.config else {
        bail!("name the bounds file: mimer-slurm-gateway --config /etc/mimer/slurm-gateway.toml");
    };
    if arguments.check {
        let file = BoundsFile::read(&config)?;
        print!("{}", toml::to_string(&file).context("writing the bounds file out")?);
        return Ok(());
    }
    let filter = EnvFilter::try_new(&arguments.log).context("reading --log")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if arguments.log_json {
        log.json().init();
    } else {
        log.with_ansi(false).init();
    }
    match gateway::run(&config)? {}
}

/// libslurm changes its ways by environment variables (SLURM_JWT, SLURMD_NODENAME, …), so a worker
/// runs with SLURM_CONF and nothing else.
fn lone_slurm_conf() -> anyhow::Result<PathBuf> {
    let variables: Vec<_> = std::env::vars_os().collect();
    match variables.as_slice() {
        [(name, path)] if name == "SLURM_CONF" => Ok(PathBuf::from(path)),
        _ => bail!(
            "a worker's environment holds SLURM_CONF and nothing else; the gateway starts workers \
             itself, so start that: mimer-slurm-gateway --config FILE"
        ),
    }
}
