//! A whole installation: mimerd and everything around it, as the demo, the stories and the benches
//! use it.
//!
//! [`Site::real`] stands on a real Slurm cluster with the real gateway; [`Site::fake`] replaces
//! those two by the *simulated* gateway and nothing else. Both run the real `mimerd`, its embedded
//! PostgreSQL, a real SFTP store, real TLS and the real agent over the simulated NVML.
//! [`Site::shared`] has several mimerd on one PostgreSQL, each of which may be killed.

mod client;
mod mimerd;
mod second;
mod settings;
mod shared;
mod start;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::process::Signal;
use serde_json::Value;

pub use client::{Person, Refused, Response};
pub use second::Second;
pub use start::{program, until_some};

use mimerd::Mimerd;

use crate::accounts::PosixUser;
use crate::fake_gateway::FakeGateway;
use crate::{Cluster, Daemon, Postgres, SftpStore, Supervised, Workspace, process};

/// The project of the main story.
pub const PROJECT: &str = "stroke-ai";
/// Its Slurm account.
pub const ACCOUNT: &str = "pub_stroke_ai";

/// What stands in for a GPU in every installation made here.
pub const SIMULATED_NVML: &str = "NVML and the GPUs (no GPU in this machine)";
/// What mimerd knows as the gateway's socket.
const WIRE: &str = "wire.sock";
/// What the fake replaces.
pub const SIMULATED_SLURM: &str = "Slurm and its gateway";

/// A running installation. Fields are in the order they end.
pub struct Site {
    agents: Vec<Daemon>,
    /// At least one.
    mimerds: Vec<Mimerd>,
    /// A PostgreSQL of the site, where mimerd does not run one of its own.
    postgres: Option<Postgres>,
    gateway: Option<Supervised>,
    slurm: Slurm,
    sftp: SftpStore,
    user: PosixUser,
    simulated: Vec<String>,
    workspace: Workspace,
}

/// What answers behind the gateway's protocol.
pub enum Slurm {
    /// Real daemons.
    Real(Box<Cluster>),
    /// The *simulated* one.
    Fake(FakeGateway),
}

impl Site {
    /// An installation on a real Slurm with `nodes` nodes of eight devices each.
    pub async fn real(nodes: usize) -> Result<Self> {
        start::real(nodes).await
    }

    /// The same with `keep = "off"`: the main project's account and user were made with `sacctmgr`.
    pub async fn kept_by_hand(nodes: usize) -> Result<Self> {
        start::kept_by_hand(nodes).await
    }

    /// An installation on the *simulated* Slurm.
    pub async fn fake() -> Result<Self> {
        start::fake().await
    }

    /// Adds a person through mimerd's own command and logs them in.
    pub async fn person(&self, login: &str, role: &str, agency: Option<&str>) -> Result<Person> {
        let mut arguments = vec!["add-person", "--login", login, "--name", login, "--role", role];
        if let Some(agency) = agency {
            arguments.extend(["--agency", agency]);
        }
        let key = self.mimerd_says(&arguments).await?;
        Person::new(login, &key, self.first().https_port(), &self.ca_file())
    }

    /// Runs a command of `mimerd` and returns what it printed.
    pub async fn mimerd_says(&self, arguments: &[&str]) -> Result<String> {
        start::mimerd_says(&self.config_file(), arguments).await
    }

    /// The first mimerd.
    fn first(&self) -> &Mimerd {
        &self.mimerds[0]
    }

    /// The first mimerd's configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.first().config_file()
    }

    /// The certificate that clients of the first mimerd must trust.
    pub fn ca_file(&self) -> PathBuf {
        self.first().ca_file()
    }

    /// The first mimerd's state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.first().state_dir()
    }

    /// Where the first mimerd's pages are.
    pub fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.first().https_port())
    }

    /// Directory of the embedded PostgreSQL's socket.
    pub fn postgres_socket_dir(&self) -> PathBuf {
        self.state_dir().join("postgres")
    }

    /// The gateway's socket.
    pub fn gateway_socket(&self) -> PathBuf {
        self.workspace.path().join("gateway.sock")
    }

    /// The project user that the main story's jobs run as.
    pub fn project_user(&self) -> &PosixUser {
        &self.user
    }

    /// Everything below this directory is the site's own.
    pub fn dir(&self) -> &Path {
        self.workspace.path()
    }

    /// The main project's area.
    pub fn area(&self) -> PathBuf {
        settings::areas_dir(&self.slurm, &self.workspace).join(PROJECT)
    }

    /// Directory under which each node has its simulated GPUs' state.
    pub fn nvml_dir(&self) -> PathBuf {
        self.workspace.path().join("nvml")
    }

    /// The SFTP store that stands for an environment.
    pub fn sftp(&self) -> &SftpStore {
        &self.sftp
    }

    /// The cluster behind the gateway.
    pub fn slurm(&self) -> &Slurm {
        &self.slurm
    }

    /// The real cluster; an error on the fake.
    pub fn cluster(&self) -> Result<&Cluster> {
        match &self.slurm {
            Slurm::Real(cluster) => Ok(cluster),
            Slurm::Fake(_) => anyhow::bail!("this site has no real cluster"),
        }
    }

    /// The real cluster, to stop and start its daemons.
    pub fn cluster_mut(&mut self) -> Result<&mut Cluster> {
        match &mut self.slurm {
            Slurm::Real(cluster) => Ok(cluster),
            Slurm::Fake(_) => anyhow::bail!("this site has no real cluster"),
        }
    }

    /// Slurm's name of the cluster.
    pub fn cluster_name(&self) -> String {
        match &self.slurm {
            Slurm::Real(cluster) => cluster.name().to_owned(),
            Slurm::Fake(_) => "simulated".to_owned(),
        }
    }

    /// What is simulated here.
    pub fn simulated(&self) -> &[String] {
        &self.simulated
    }

    /// Kills the gateway with -9; its supervisor starts it again.
    pub async fn crash_gateway(&self) -> Result<()> {
        self.gateway.as_ref().context("this site has no real gateway")?.crash().await
    }

    /// Starts an agent on each node, where the installation came without.
    pub async fn start_agents(&mut self) -> Result<()> {
        for node in settings::node_names(&self.slurm) {
            let agent = start::agent(self, &node).await?;
            self.agents.push(agent);
        }
        Ok(())
    }

    /// Kills the gateway with -9 and does not wait; its supervisor starts it again.
    pub fn kill_gateway(&self) -> Result<()> {
        self.gateway.as_ref().context("this site has no real gateway")?.kill();
        Ok(())
    }

    /// Kills one of the gateway's workers with -9, "ctl" or "dbd"; false if none runs just now, as
    /// before the first call that needs it.
    pub fn crash_gateway_worker(&self, kind: &str) -> Result<bool> {
        let gateway = self.gateway.as_ref().context("this site has no real gateway")?;
        let name = format!("mimer-slurm-gateway-{kind}");
        let descendants = process::descendants(gateway.pid().cast_signed());
        let worker = descendants.into_iter().find(|process| process.is_called(&name));
        Ok(worker.map(process::Process::kill).is_some())
    }

    /// Stops mimerd in its tracks, as if the machine had: until [`Site::resume_mimerd`] it does nothing.
    pub fn pause_mimerd(&self) -> Result<()> {
        self.first().signal(Signal::STOP)
    }

    /// Lets mimerd go on.
    pub fn resume_mimerd(&self) -> Result<()> {
        self.first().signal(Signal::CONT)
    }

    /// Ends everything, mimerd first and in order, and removes the directories.
    pub async fn stop(mut self) -> Result<()> {
        for agent in &mut self.agents {
            agent.stop();
        }
        for mimerd in &mut self.mimerds {
            mimerd.stop();
        }
        tokio::task::spawn_blocking(move || drop(self)).await.context("stopping the site")
    }

    /// The last lines of mimerd's log, for a failing test's message.
    pub fn mimerd_log(&self) -> String {
        self.first().log_tail()
    }
}

/// Reads a text field of an answer, or says which one is missing.
pub fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value[field].as_str().with_context(|| format!("no text `{field}` in {value}"))
}

/// Reads a whole number of an answer, or says which one is missing.
pub fn number(value: &Value, field: &str) -> Result<i64> {
    value[field].as_i64().with_context(|| format!("no number `{field}` in {value}"))
}
