//! `fake-gateway`: the *simulated* gateway as a program, on the machine's own clock.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use record::Clock;
use testbed::fake_gateway::{FAKE_RELEASE, FakeGateway, FakePlan};

/// Speaks the gateway's protocol over a socket, with simulated jobs in memory.
#[derive(Parser)]
struct Arguments {
    /// The socket to listen on.
    #[arg(long)]
    socket: PathBuf,
    /// Nodes with eight GPUs each.
    #[arg(long, default_value_t = 1)]
    nodes: usize,
    /// Seconds that a job runs if neither its environment nor its script says so.
    #[arg(long, default_value_t = 10)]
    run_seconds: i64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let plan = FakePlan {
        nodes: arguments.nodes,
        run_seconds: arguments.run_seconds,
        ..FakePlan::default()
    };
    let gateway = FakeGateway::start(&arguments.socket, plan, Clock::System)?;
    println!("{FAKE_RELEASE} Slurm gateway on {}; Ctrl-C ends it", gateway.socket().display());
    testbed::poll::end_asked_for().await
}
