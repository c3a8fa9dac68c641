//! Starting an installation, piece by piece.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use record::Clock;

use super::mimerd::Mimerd;
use super::settings::{self, Places};
use super::{ACCOUNT, SIMULATED_NVML, SIMULATED_SLURM, Site, Slurm, WIRE};
use crate::accounts::PosixUser;
use crate::fake_gateway::{FakeGateway, FakePlan};
use crate::{Cluster, ClusterPlan, Daemon, Postgres, SftpStore, Supervised, Workspace, poll};

const BOUND: Duration = Duration::from_secs(90);

/// What mimerd does about Slurm's accounts, users and QOS: it writes what is pending, or nothing.
const APPLY: &str = "apply";
const OFF: &str = "off";

pub(super) async fn real(nodes: usize) -> Result<Site> {
    let cluster = Cluster::start(&ClusterPlan::with_nodes(nodes)).await?;
    on(cluster, Rest { keep: APPLY, ..Rest::default() }).await
}

pub(super) async fn kept_by_hand(nodes: usize) -> Result<Site> {
    let cluster = Cluster::start(&ClusterPlan::with_nodes(nodes)).await?;
    let user = PosixUser::project(1)?;
    cluster.add_project_account(ACCOUNT).await?;
    cluster.add_user(ACCOUNT, &user).await?;
    on(cluster, Rest { keep: OFF, ..Rest::default() }).await
}

pub(super) async fn shared(
    plan: ClusterPlan,
    mimerd_count: usize,
    duties: &[(&'static str, i64)],
) -> Result<Site> {
    ensure!(mimerd_count > 0, "an installation has at least one mimerd");
    let postgres = Some(Postgres::start().await?);
    let cluster = Cluster::start(&ClusterPlan { durable: true, ..plan }).await?;
    let duties = duties.iter().copied().collect();
    on(cluster, Rest { keep: APPLY, mimerd_count, postgres, agents: false, duties }).await
}

/// How an installation differs from the plain one: one mimerd, its embedded PostgreSQL, agents.
struct Rest {
    keep: &'static str,
    mimerd_count: usize,
    postgres: Option<Postgres>,
    agents: bool,
    /// What mimerd's `[duties]` say otherwise than by default.
    duties: BTreeMap<&'static str, i64>,
}

impl Default for Rest {
    fn default() -> Self {
        Self { keep: APPLY, mimerd_count: 1, postgres: None, agents: true, duties: BTreeMap::new() }
    }
}

async fn on(cluster: Cluster, rest: Rest) -> Result<Site> {
    let workspace = Workspace::create("site")?;
    let socket = workspace.path().join("gateway.sock");
    let gateway = gateway(&cluster, (workspace.path(), &socket, &cluster.areas_dir())).await?;
    let plan = Plan { slurm: Slurm::Real(Box::new(cluster)), gateway: Some(gateway), rest };
    finish(workspace, plan, vec![SIMULATED_NVML.to_owned()]).await
}

pub(super) async fn fake() -> Result<Site> {
    let workspace = Workspace::create("site")?;
    let socket = workspace.path().join("gateway.sock");
    let plan = FakePlan { run_seconds: 2, ..FakePlan::default() };
    let slurm = Slurm::Fake(FakeGateway::start(&socket, plan, Clock::System)?);
    let simulated = vec![SIMULATED_SLURM.to_owned(), SIMULATED_NVML.to_owned()];
    finish(workspace, Plan { slurm, gateway: None, rest: Rest::default() }, simulated).await
}

/// What an installation stands on.
struct Plan {
    slurm: Slurm,
    gateway: Option<Supervised>,
    rest: Rest,
}

/// Everything that is the same on a real and on a simulated Slurm.
async fn finish(workspace: Workspace, plan: Plan, simulated: Vec<String>) -> Result<Site> {
    let Plan { slurm, gateway, rest } = plan;
    let user = PosixUser::project(1)?;
    let sftp = SftpStore::start().await?;
    settings::make_area(&slurm, &workspace, &user)?;
    let dir = workspace.path();
    std::os::unix::fs::symlink(dir.join("gateway.sock"), dir.join(WIRE))?;
    let places = Places {
        workspace: &workspace,
        slurm: &slurm,
        sftp: &sftp,
        keep: rest.keep,
        duties: &rest.duties,
    };
    settings::write_accounts(&places, &user)?;
    let database = match &rest.postgres {
        Some(postgres) => Some(settings::write_database(dir, postgres)?),
        None => None,
    };
    let mut mimerds = Vec::new();
    for number in 0..rest.mimerd_count {
        let mut mimerd = Mimerd::new(dir, number)?;
        settings::write_mimerd(&places, &mimerd, database.clone(), &simulated)?;
        mimerd.spawn()?;
        mimerds.push(mimerd);
    }
    for mimerd in &mut mimerds {
        mimerd.until_it_serves().await?;
    }
    let mut site = Site {
        agents: Vec::new(),
        mimerds,
        postgres: rest.postgres,
        gateway,
        slurm,
        sftp,
        user,
        simulated,
        workspace,
    };
    if rest.agents {
        site.start_agents().await?;
    }
    Ok(site)
}

/// Starts the real gateway with bounds for this cluster, and keeps it running: its files' directory, its
/// socket, and where the projects' areas are.
pub(super) async fn gateway(
    cluster: &Cluster,
    (dir, socket, areas): (&Path, &Path, &Path),
) -> Result<Supervised> {
    let bounds = settings::write_gateway(cluster, (dir, socket, areas))?;
    let (release, log) = (cluster.plan().release.clone(), dir.join("gateway.log"));
    let gateway = Supervised::start(move || {
        let mut command = release.gateway()?;
        command.arg("--config").arg(&bounds).env_clear().env("PATH", "/usr/bin:/bin");
        Daemon::spawn("gateway", command, &log)
    })?;
    poll::until("the gateway to listen", BOUND, async || {
        Ok(tokio::net::UnixStream::connect(socket).await.is_ok())
    })
    .await?;
    Ok(gateway)
}

/// Starts one node's agent over the simulated NVML.
pub(super) async fn agent(site: &Site, node: &str) -> Result<Daemon> {
    let token = site.mimerd_says(&["add-node", node]).await?;
    let nvml = settings::make_nvml_dir(&site.nvml_dir(), node)?;
    let config = settings::write_agent(site, node, &token)?;
    let mut command = Command::new(program("mimer-agent")?);
    command
        .arg("--config")
        .arg(config)
        .env("MIMER_SIMULATED_NVML_DIR", nvml)
        .env("MIMER_SIMULATED_NVML_NODE", node);
    Daemon::spawn("agent", command, &site.dir().join(format!("agent-{node}.log")))
}

/// Runs a command of `mimerd` and returns what it printed.
pub(super) async fn mimerd_says(config: &Path, arguments: &[&str]) -> Result<String> {
    let output = tokio::process::Command::new(program("mimerd")?)
        .arg("--config")
        .arg(config)
        .args(arguments)
        .output()
        .await?;
    ensure!(
        output.status.success(),
        "mimerd {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// A program of the workspace, built beside the program that asks.
pub fn program(name: &str) -> Result<std::path::PathBuf> {
    let own = std::env::current_exe().context("finding this program")?;
    let found =
        own.ancestors().skip(1).take(3).map(|dir| dir.join(name)).find(|path| path.exists());
    found.with_context(|| {
        format!("{name} is not built: run `cargo build --workspace`, or use `cargo xtask`")
    })
}

/// Waits for a condition of a site, with the log's tail when it never comes.
pub async fn until_some<T>(
    site: &Site,
    what: &str,
    bound: Duration,
    look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    poll::until_some(what, bound, look)
        .await
        .with_context(|| format!("the end of mimerd's log:\n{}", site.mimerd_log()))
}
