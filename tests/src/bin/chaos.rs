//! `chaos --jobs N --seed S`: breaks an installation of its own while jobs go through it. The last line
//! is one JSON object; the exit code is 1 when a promise was not kept.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use testbed::chaos::{self, Plan};

/// Kills, cuts and slows everything but the nodes while jobs go through a private, real cluster.
#[derive(Parser)]
struct Arguments {
    /// Plans in all, sent by eight clients.
    #[arg(long, default_value_t = 500)]
    jobs: usize,
    /// Repeats the choices of an earlier run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A directory for every log of the installation, to look into afterwards.
    #[arg(long)]
    logs: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let Arguments { jobs, seed, logs } = Arguments::parse();
    let report = chaos::run(Plan { jobs, seed, logs }).await?;
    for line in report.remarks.iter().chain(&report.ended_by_slurm) {
        println!("{line}");
    }
    for sentence in &report.broken {
        println!("WRONG: {sentence}");
    }
    println!("{}", report.summary);
    Ok(if report.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
