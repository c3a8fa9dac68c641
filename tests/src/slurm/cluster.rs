//! Starting and stopping a cluster.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use super::database;
use super::plan::ClusterPlan;
use super::settings::{CGROUP_CONF, JOB_SUBMIT, Ports, Settings};
use crate::accounts::PosixUser;
use crate::{Daemon, Workspace, poll, process};

/// A running cluster. Dropping it ends every process and removes its directory.
#[derive(Debug)]
pub struct Cluster {
    pub(super) plan: ClusterPlan,
    pub(super) ports: Ports,
    /// By name, as "slurmctld" or "slurmd-node01".
    pub(super) daemons: BTreeMap<String, Daemon>,
    pub(super) password: String,
    /// Last, so that the directory outlives the daemons in it.
    pub(super) workspace: Workspace,
}

impl Cluster {
    /// Starts a cluster and waits until every node is idle. Needs root.
    pub async fn start(plan: &ClusterPlan) -> Result<Self> {
        ensure!(
            rustix::process::geteuid().is_root(),
            "the testbed's Slurm needs root: run as root"
        );
        ensure!((1..=99).contains(&plan.nodes), "a cluster has 1 to 99 nodes, not {}", plan.nodes);
        plan.release.check()?;
        let workspace = match &plan.dir {
            Some(dir) => Workspace::create_at(dir)?,
            None => Workspace::create("slurm")?,
        };
        let mut cluster = Self {
            plan: plan.clone(),
            ports: Ports::find(plan.nodes)?,
            daemons: BTreeMap::new(),
            password: hex(&random_bytes()?[..16]),
            workspace,
        };
        cluster.write_files()?;
        cluster.make_gpus()?;
        cluster.start_munged().await?;
        database::install(&cluster.dir().join("db")).await?;
        cluster.start_mariadbd().await?;
        cluster.start_slurmdbd().await?;
        cluster.make_accounts().await?;
        cluster.start_nodes()?;
        cluster.start_slurmctld().await?;
        if plan.release.is_newer() {
            cluster.save_controller_state().await?;
        }
        cluster.until_nodes_idle().await?;
        Ok(cluster)
    }

    /// Slurm's ClusterName.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// What was asked for.
    pub fn plan(&self) -> &ClusterPlan {
        &self.plan
    }

    /// The directory that holds everything.
    pub fn dir(&self) -> &Path {
        self.workspace.path()
    }

    /// `slurm.conf` of the daemons and of people.
    pub fn slurm_conf(&self) -> PathBuf {
        self.dir().join("slurm.conf")
    }

    /// The gateway's own `slurm.conf`, with short time-outs.
    pub fn gateway_slurm_conf(&self) -> PathBuf {
        self.dir().join("gateway/slurm.conf")
    }

    /// Where jobs may have their working directories; the gateway's prefix.
    pub fn areas_dir(&self) -> PathBuf {
        self.dir().join("areas")
    }

    /// The nodes' names.
    pub fn node_names(&self) -> Vec<String> {
        self.plan.node_names()
    }

    /// Makes a project's area: `areas/NAME`, owned by `user` and closed to others.
    pub fn make_area(&self, name: &str, user: &PosixUser) -> Result<PathBuf> {
        let area = self.workspace.make_dir(&format!("areas/{name}"), 0o750)?;
        chown(&area, Some(user.uid), Some(user.gid))
            .with_context(|| format!("giving {} to {}", area.display(), user.name))?;
        Ok(area)
    }

    /// Ends every process, jobs included, and removes the directory.
    pub async fn stop(self) -> Result<()> {
        let dir = self.dir().to_owned();
        // Ending waits for processes, which must not stall the other tasks of the caller.
        tokio::task::spawn_blocking(move || drop(self)).await?;
        ensure!(!dir.exists(), "{} could not be removed", dir.display());
        Ok(())
    }

    fn write_files(&self) -> Result<()> {
        let workspace = &self.workspace;
        for dir in ["db", "gateway", "gpu", "munge", "log", "run", "spool", "state", "areas"] {
            workspace.make_dir(dir, 0o755)?;
        }
        for node in self.node_names() {
            workspace.make_dir(&format!("spool/{node}"), 0o755)?;
        }
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let short_host = host.split('.').next().unwrap_or(&host);
        let settings =
            Settings { dir: self.dir(), plan: &self.plan, ports: &self.ports, host: short_host };
        workspace.write("munge/key", 0o600, random_bytes()?)?;
        workspace.write("slurmdbd.conf", 0o600, settings.slurmdbd_conf(&self.password))?;
        workspace.write("slurm.conf", 0o644, settings.slurm_conf())?;
        workspace.write("gateway/slurm.conf", 0o644, settings.gateway_slurm_conf())?;
        workspace.write("gres.conf", 0o644, settings.gres_conf())?;
        if self.plan.release.is_newer() {
            workspace.write("cgroup.conf", 0o644, CGROUP_CONF)?;
        }
        workspace.write("job_submit.lua", 0o644, JOB_SUBMIT)?;
        workspace.write("job_submit_settings.lua", 0o644, settings.job_submit_settings())?;
        Ok(())
    }

    /// Makes a null device for each GPU: Slurm hands out only what is a character device.
    fn make_gpus(&self) -> Result<()> {
        for node in self.node_names() {
            let dir = self.workspace.make_dir(&format!("gpu/{node}"), 0o755)?;
            for index in 0..self.plan.gpus_per_node {
                let device = dir.join(format!("nvidia{index}"));
                mknodat(CWD, &device, FileType::CharacterDevice, Mode::empty(), makedev(1, 3))
                    .with_context(|| format!("making the device {}", device.display()))?;
                fs::set_permissions(&device, fs::Permissions::from_mode(0o666))?;
            }
        }
        Ok(())
    }

    async fn until_nodes_idle(&self) -> Result<()> {
        poll::until("every node to be idle", super::control::BOUND, async || {
            let nodes = self.output("sinfo", &["-h", "-N", "-p", "gpu", "-t", "idle", "-o", "%N"]);
            Ok(nodes.await.is_ok_and(|text| text.lines().count() == self.plan.nodes))
        })
        .await
        .with_context(|| format!("see the logs in {}", self.dir().join("log").display()))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // All are asked first, so that they end together; the database needs no farewell.
        for (name, daemon) in &mut self.daemons {
            if name.starts_with("slurm") {
                daemon.ask_to_stop();
            } else if name == "mariadbd" {
                daemon.crash();
            }
        }
        self.daemons.clear();
        // With no slurmd left, no new step can come.
        let dir = self.workspace.path().to_owned();
        poll::blocking_until(super::control::BOUND, || {
            let left = process::steps_and_jobs_of(&dir);
            left.iter().for_each(|process| process.kill());
            left.is_empty()
        });
    }
}

fn random_bytes() -> Result<[u8; 128]> {
    let mut bytes = [0; 128];
    let mut source = fs::File::open("/dev/urandom").context("opening /dev/urandom")?;
    std::io::Read::read_exact(&mut source, &mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
