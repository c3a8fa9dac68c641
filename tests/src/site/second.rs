//! A second real cluster beside an installation's own, behind a gateway of its own and the same mimerd.

use std::path::PathBuf;

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::{Site, settings, start};
use crate::{Cluster, ClusterPlan, Supervised};

/// The second cluster. Fields are in the order they end.
pub struct Second {
    gateway: Option<Supervised>,
    cluster: Cluster,
    /// Where its gateway's files are.
    dir: PathBuf,
    /// Where the projects' areas are, which both clusters see.
    areas_dir: PathBuf,
}

impl Second {
    /// Starts a cluster and its gateway, and starts the site's first mimerd anew with both clusters.
    pub async fn beside(site: &mut Site, plan: ClusterPlan) -> Result<Self> {
        let cluster = Cluster::start(&plan).await?;
        let dir = site.dir().join(cluster.name());
        std::fs::create_dir(&dir)?;
        let areas_dir = settings::areas_dir(&site.slurm, &site.workspace);
        let mut second = Self { gateway: None, cluster, dir, areas_dir };
        second.start_gateway().await?;
        let config = second.added_to(&std::fs::read_to_string(site.config_file())?)?;
        site.kill_mimerd(0)?;
        std::fs::write(site.config_file(), config)?;
        site.start_mimerd(0).await?;
        Ok(second)
    }

    /// mimerd's configuration with this cluster after its first.
    fn added_to(&self, config: &str) -> Result<String> {
        let mut config: Table = config.parse()?;
        let clusters = config["clusters"].as_array_mut().context("[[clusters]] are tables")?;
        let mut table = clusters[0].as_table().context("a cluster is a table")?.clone();
        let text = |text: String| Value::String(text);
        table.insert("name".to_owned(), text(self.cluster.name().to_owned()));
        table.insert("gateway_socket".to_owned(), text(self.socket().display().to_string()));
        clusters.push(Value::Table(table));
        Ok(toml::to_string(&config)?)
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("gateway.sock")
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Kills its gateway with -9; nobody starts it again before [`Second::start_gateway`].
    pub fn kill_gateway(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.kill();
        }
    }

    /// Starts its gateway and keeps it running.
    pub async fn start_gateway(&mut self) -> Result<()> {
        let socket = self.socket();
        let places = (self.dir.as_path(), socket.as_path(), self.areas_dir.as_path());
        self.gateway = Some(start::gateway(&self.cluster, places).await?);
        Ok(())
    }
}
