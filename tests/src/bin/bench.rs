//! `bench NAME`: measurements on daemons of our own. The last line is one JSON object.

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};

/// Measures the broker on daemons of its own.
#[derive(Parser)]
struct Arguments {
    /// What to measure.
    name: Name,
    /// A small part of the work, to try the bench itself; the figures mean nothing.
    #[arg(long)]
    small: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Submissions per second by every way: libslurm, gateway, broker, sbatch, slurmrestd.
    Submit,
    /// Admissions per second against the bare transaction on the same PostgreSQL.
    Admit,
    /// `cluster diff` on a large tree, over the simulated Slurm.
    Diff,
    /// From the API call to Slurm's acceptance, with 1 and with 16 clients.
    Latency,
    /// CPU and memory of watching while 10,000 jobs wait.
    Watch,
    /// From the end of a job to its settled hold.
    Settle,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let measured = tokio::select! {
        measured = measure(&arguments) => measured?,
        ended = testbed::poll::end_asked_for() => {
            ended?;
            bail!("interrupted");
        }
    };
    println!("{measured}");
    Ok(())
}

async fn measure(arguments: &Arguments) -> Result<serde_json::Value> {
    match arguments.name {
        Name::Admit => testbed::bench::admit(arguments.small).await,
        Name::Diff => testbed::bench::diff(arguments.small).await,
        Name::Submit => testbed::bench::submit(arguments.small).await,
        Name::Watch => testbed::bench::watch(arguments.small).await,
        Name::Settle => testbed::bench::settle(arguments.small).await,
        Name::Latency => testbed::bench::latency().await,
    }
}
