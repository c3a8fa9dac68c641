//! The daemons of a cluster one by one, for starting, crashing and bringing them back.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::UnixStream;

use super::cluster::Cluster;
use super::database;
use crate::Daemon;

/// Each daemon is ready within a second; a busy machine gets time.
pub(super) const BOUND: Duration = Duration::from_secs(120);

impl Cluster {
    /// A daemon by name: "munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd-node01" …
    pub fn daemon(&mut self, name: &str) -> Result<&mut Daemon> {
        self.daemons.get_mut(name).with_context(|| format!("this cluster runs no {name}"))
    }

    /// Starts slurmctld, also after it was ended, and waits until it answers.
    pub async fn start_slurmctld(&mut self) -> Result<()> {
        let mut command = self.plan.release.command("slurmctld");
        command.args(["-D", "-f"]).arg(self.slurm_conf());
        let mut daemon = self.spawn("slurmctld", command)?;
        daemon
            .until_ready(BOUND, async || Ok(self.output("scontrol", &["ping"]).await.is_ok()))
            .await?;
        self.daemons.insert("slurmctld".into(), daemon);
        Ok(())
    }

    /// Ends slurmctld in order and starts it again, so that all its state is saved.
    ///
    /// Measured on 26.05: after a crash in its first minutes it does not start again ("No Assoc
    /// usage file to recover"), because it had saved its jobs but not yet that file.
    pub(super) async fn save_controller_state(&mut self) -> Result<()> {
        self.daemon("slurmctld")?.stop();
        self.start_slurmctld().await
    }

    /// Starts slurmdbd, also after it was ended, and waits until it answers.
    pub async fn start_slurmdbd(&mut self) -> Result<()> {
        let mut command = self.plan.release.command("slurmdbd");
        command.arg("-D");
        let mut daemon = self.spawn("slurmdbd", command)?;
        let question = ["-n", "show", "cluster"];
        daemon
            .until_ready(BOUND, async || Ok(self.output("sacctmgr", &question).await.is_ok()))
            .await?;
        self.daemons.insert("slurmdbd".into(), daemon);
        Ok(())
    }

    /// Starts the slurmd of one node, also after it was ended; does not wait.
    pub fn start_node(&mut self, node: &str) -> Result<()> {
        let mut command = self.plan.release.command("slurmd");
        command.args(["-D", "-N", node, "-f"]).arg(self.slurm_conf());
        let name = format!("slurmd-{node}");
        let daemon = self.spawn(&name, command)?;
        self.daemons.insert(name, daemon);
        Ok(())
    }

    pub(super) fn start_nodes(&mut self) -> Result<()> {
        self.node_names().iter().try_for_each(|node| self.start_node(node))
    }

    /// Starts MariaDB, also after it was killed, and waits until it answers.
    pub async fn start_mariadbd(&mut self) -> Result<()> {
        let server = database::Server {
            port: self.ports.mariadb,
            password: &self.password,
            durable: self.plan.durable,
        };
        let daemon = server.start(&self.workspace).await?;
        self.daemons.insert("mariadbd".into(), daemon);
        Ok(())
    }

    /// Has slurmdbd's record of a job end later than it did, as no Slurm of this release can by itself.
    pub async fn edit_end(&self, job_id: i64, later_s: i64) -> Result<()> {
        let cluster = self.name();
        let statement = format!(
            "update slurm.{cluster}_job_table set time_end = time_end + {later_s} \
             where id_job = {job_id}"
        );
        database::run(&self.workspace, &statement).await
    }

    /// Starts munged, also after it was killed, and waits until it answers.
    pub async fn start_munged(&mut self) -> Result<()> {
        let dir = self.dir().join("munge");
        let socket = dir.join("socket");
        let mut command = Command::new("munged");
        command
            .args(["--foreground", "--num-threads=4"])
            .arg(format!("--key-file={}", dir.join("key").display()))
            .arg(format!("--socket={}", socket.display()))
            .arg(format!("--pid-file={}", dir.join("pid").display()))
            .arg(format!("--seed-file={}", dir.join("seed").display()))
            .arg(format!("--log-file={}", dir.join("log").display()));
        let mut daemon = self.spawn("munged", command)?;
        // A killed one leaves its socket behind, so that it exists proves nothing.
        daemon.until_ready(BOUND, async || Ok(UnixStream::connect(&socket).await.is_ok())).await?;
        self.daemons.insert("munged".into(), daemon);
        Ok(())
    }

    fn spawn(&self, name: &str, mut command: Command) -> Result<Daemon> {
        command.env("SLURM_CONF", self.slurm_conf()).current_dir("/");
        Daemon::spawn(name, command, &self.dir().join(format!("log/{name}.out")))
    }
}
