//! `testbed up`: a private Slurm cluster to try things on, until Ctrl-C.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde_json::json;
use testbed::accounts::PosixUser;
use testbed::{Cluster, ClusterPlan};

/// A private, real Slurm on this machine.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts a cluster, prints where it is as JSON, and ends it on Ctrl-C or SIGTERM.
    Up {
        /// A directory that does not exist yet; by default one under /tmp.
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Nodes with eight GPUs each.
        #[arg(long, default_value_t = 1)]
        nodes: usize,
    },
}

#[tokio::main]
async fn main() -> Result<()> {
    let Command::Up { dir, nodes } = Arguments::parse().command;
    let cluster = Cluster::start(&ClusterPlan { nodes, dir, ..ClusterPlan::default() }).await?;
    let user = PosixUser::project(1)?;
    cluster.add_project_account("pub_demo").await?;
    cluster.add_user("pub_demo", &user).await?;
    let area = cluster.make_area("pub_demo", &user)?;
    let place = json!({
        "cluster": cluster.name(),
        "dir": cluster.dir(),
        "SLURM_CONF": cluster.slurm_conf(),
        "gateway_slurm_conf": cluster.gateway_slurm_conf(),
        "nodes": cluster.node_names(),
        "project": { "account": "pub_demo", "user": user.name, "uid": user.uid, "area": area },
    });
    println!("{place:#}");
    let asked = testbed::poll::end_asked_for().await;
    cluster.stop().await?;
    asked
}
