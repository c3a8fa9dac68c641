//! `bench NAME`: measurements on a private, real cluster. The last line is one JSON object.

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};

/// Measures the broker on a private, real Slurm cluster.
#[derive(Parser)]
struct Arguments {
    /// What to measure.
    name: Name,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Submissions per second: through the gateway, and by a loop of sbatch.
    Submit,
    /// From the API call to Slurm's acceptance, with 1 and with 16 clients.
    Latency,
}

#[tokio::main]
async fn main() -> Result<()> {
    let measured = tokio::select! {
        measured = measure(Arguments::parse().name) => measured?,
        ended = testbed::poll::end_asked_for() => {
            ended?;
            bail!("interrupted");
        }
    };
    println!("{measured}");
    Ok(())
}

async fn measure(name: Name) -> Result<serde_json::Value> {
    match name {
        Name::Submit => testbed::bench::submit().await,
        Name::Latency => testbed::bench::latency().await,
    }
}
