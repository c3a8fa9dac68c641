//! `mimerd`: the broker's service, and the few steps an installation is set up with.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use broker::auth::{self, AccessKey, Role, RoleHeld};
use broker::config::Config;
use broker::database::{Databases, Stay};
use broker::serve;
use chrono::TimeDelta;
use clap::{Parser, Subcommand};
use record::{Actor, Clock, Stamp};
use uuid::Uuid;

/// The broker between public agencies and a Slurm GPU cluster.
#[derive(Parser)]
#[command(name = "mimerd", version)]
struct Arguments {
    /// The configuration file.
    #[arg(long, default_value = "/etc/mimer/mimerd.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM.
    Serve,
    /// Print the configuration as mimerd understands it, defaults included.
    ConfigCheck,
    /// Print the OpenAPI document of the API.
    Openapi,
    /// Add a person, or another role to one, and print a new access key once.
    AddPerson {
        /// Name to log in with.
        #[arg(long)]
        login: String,
        /// Name shown to others.
        #[arg(long)]
        name: String,
        /// `agency_member`, `decider`, `operator`, `finance` or `controller`.
        #[arg(long, value_parser = |word: &str| Role::parse(word).ok_or("not a role"))]
        role: Role,
        /// The agency's id, for an agency member.
        #[arg(long)]
        agency: Option<Uuid>,
        /// Days until the key expires.
        #[arg(long, default_value_t = 90)]
        days: u16,
    },
    /// Make a node's token for its agent and print it once; an earlier one ends.
    AddNode {
        /// The node's name in Slurm; unique among all clusters.
        node: String,
        /// Its cluster; needed where the configuration names several.
        #[arg(long)]
        cluster: Option<String>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| "info,sqlx=warn".into()),
        )
        .init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mimerd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    if matches!(arguments.command, Command::Openapi) {
        println!("{}", broker::api::openapi_document().to_pretty_json()?);
        return Ok(());
    }
    let config = Config::read(&arguments.config)?;
    match arguments.command {
        Command::Openapi => unreachable!("answered above, without a configuration"),
        Command::Serve => serve::serve(config).await,
        Command::ConfigCheck => {
            print!("{}", toml::to_string_pretty(&config).context("printing the configuration")?);
            Ok(())
        }
        Command::AddPerson { login, name, role, agency, days } => {
            let wanted = RoleHeld { role, agency_id: agency };
            add_person(&config, &login, &name, wanted, TimeDelta::days(days.into())).await
        }
        Command::AddNode { node, cluster } => add_node(&config, &node, cluster.as_deref()).await,
    }
}

/// The administrator of the machine acts through mimerd's own command, not as a person.
fn stamp() -> Stamp<'static> {
    Stamp {
        actor: Actor::Program("mimerd administrator"),
        now: Clock::System.now(),
        why: None,
        trace_id: record::id::fresh(),
    }
}

async fn add_person(
    config: &Config,
    login: &str,
    name: &str,
    wanted: RoleHeld,
    life: TimeDelta,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        !login.is_empty() && login.chars().all(|c| c.is_ascii_graphic()),
        "a login is letters, digits and signs without spaces"
    );
    let databases = Databases::open(config, Stay::Once).await?;
    let stamp = stamp();
    let key = AccessKey::draw();
    let mut tx = databases.app.begin().await?;
    if let Some(agency_id) = wanted.agency_id {
        let agency = quotas::agency::by_id(&mut tx, agency_id).await?;
        agency.with_context(|| {
            format!("there is no agency {agency_id}; the operator registers it first")
        })?;
    }
    let person_id = match record::person::by_login(&mut tx, login).await? {
        Some(person) => person.person_id,
        None => {
            let person_id = record::id::fresh();
            record::person::remember(&mut tx, person_id, login, name).await?;
            person_id
        }
    };
    auth::give(&mut tx, person_id, wanted, &stamp).await?;
    key.keep_for_person(&mut tx, person_id, stamp.now, stamp.now + life).await?;
    tx.commit().await?;
    databases.close().await?;
    println!("{}", key.reveal());
    Ok(())
}

async fn add_node(config: &Config, node: &str, cluster: Option<&str>) -> anyhow::Result<()> {
    let names: Vec<&str> = config.clusters.iter().map(|one| one.name.as_str()).collect();
    let cluster = match (cluster, &names[..]) {
        (Some(name), _) if names.contains(&name) => name,
        (None, [only]) => only,
        _ => anyhow::bail!("say which cluster {node} is on: --cluster with one of {names:?}"),
    };
    let databases = Databases::open(config, Stay::Once).await?;
    let stamp = stamp();
    let token = AccessKey::draw();
    let mut tx = databases.app.begin().await?;
    let before = token.keep_for_node(&mut tx, (cluster, node), stamp.now).await?;
    let details = serde_json::json!({ "node": node, "cluster": cluster });
    stamp.audit(&mut tx, "node.token", ("node", record::id::fresh()), details).await?;
    tx.commit().await?;
    databases.close().await?;
    if let Some(before) = before.filter(|it| it != cluster) {
        eprintln!(
            "{node} was on the cluster {before} until now, and its token there is void; nodes must \
             have different names on different clusters"
        );
    }
    println!("{}", token.reveal());
    Ok(())
}
