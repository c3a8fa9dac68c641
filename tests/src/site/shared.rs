//! Several mimerd on one PostgreSQL, and what a test does to them: kill, start, speak to another one.

use std::path::PathBuf;

use anyhow::{Context, Result};
use sqlx::PgConnection;

use super::mimerd::Mimerd;
use super::{Person, Site, WIRE, start};
use crate::{ClusterPlan, Postgres};

impl Site {
    /// An installation on a real Slurm with `mimerd_count` mimerd on one PostgreSQL of the site. No
    /// agents: nothing is metered here.
    pub async fn shared(nodes: usize, mimerd_count: usize) -> Result<Self> {
        start::shared(ClusterPlan::with_nodes(nodes), mimerd_count, &[]).await
    }

    /// The same on a cluster of another make, and with other `[duties]` of mimerd by their names.
    pub async fn shared_on(
        plan: ClusterPlan,
        mimerd_count: usize,
        duties: &[(&'static str, i64)],
    ) -> Result<Self> {
        start::shared(plan, mimerd_count, duties).await
    }

    /// How many mimerd there are, whether they run or not.
    pub fn mimerd_count(&self) -> usize {
        self.mimerds.len()
    }

    /// Kills one mimerd with -9. An embedded PostgreSQL ends with it.
    pub fn kill_mimerd(&mut self, number: usize) -> Result<()> {
        self.mimerd_mut(number)?.kill();
        Ok(())
    }

    /// Starts one mimerd again and waits until it serves.
    pub async fn start_mimerd(&mut self, number: usize) -> Result<()> {
        let mimerd = self.mimerd_mut(number)?;
        mimerd.spawn()?;
        mimerd.until_it_serves().await
    }

    /// Starts one mimerd again and does not wait: its database may not be there yet.
    pub fn spawn_mimerd(&mut self, number: usize) -> Result<()> {
        self.mimerd_mut(number)?.spawn()
    }

    /// Whether one mimerd's process is there.
    pub fn mimerd_runs(&mut self, number: usize) -> Result<bool> {
        Ok(self.mimerd_mut(number)?.runs())
    }

    /// Kills every process of the shared PostgreSQL with -9, as when its machine loses power.
    pub fn kill_postgres(&mut self) -> Result<()> {
        self.postgres_mut()?.kill();
        Ok(())
    }

    /// Starts the shared PostgreSQL again and waits until it answers.
    pub async fn start_postgres(&mut self) -> Result<()> {
        self.postgres_mut()?.start_again().await
    }

    /// The shared PostgreSQL.
    pub fn postgres(&self) -> Result<&Postgres> {
        self.postgres.as_ref().context("this site has no PostgreSQL of its own")
    }

    /// Connects to the shared database as one of the roles, or as the superuser `postgres`.
    pub async fn database(&self, role: &str) -> Result<PgConnection> {
        self.postgres()?.connect(role).await
    }

    /// The same person, with the same key, at another mimerd.
    pub fn through(&self, person: &Person, number: usize) -> Result<Person> {
        let mimerd = self.mimerds.get(number).context("there is no such mimerd")?;
        Person::new(&person.login, &person.key, mimerd.https_port(), &mimerd.ca_file())
    }

    /// What one mimerd's `/metrics` says.
    pub async fn metrics_of(&self, number: usize) -> Result<String> {
        let mimerd = self.mimerds.get(number).context("there is no such mimerd")?;
        let address = format!("http://127.0.0.1:{}/metrics", mimerd.metrics_port());
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(client.get(address).send().await?.error_for_status()?.text().await?)
    }

    /// The last lines of one mimerd's log.
    pub fn log_of(&self, number: usize) -> String {
        self.mimerds.get(number).map(Mimerd::log_tail).unwrap_or_default()
    }

    /// What every mimerd connects to: at first a link to the gateway's socket. A test that cuts or
    /// slows the connection puts a socket of its own in its place.
    pub fn wire_socket(&self) -> PathBuf {
        self.dir().join(WIRE)
    }

    fn mimerd_mut(&mut self, number: usize) -> Result<&mut Mimerd> {
        self.mimerds.get_mut(number).with_context(|| format!("there is no mimerd {number}"))
    }

    fn postgres_mut(&mut self) -> Result<&mut Postgres> {
        self.postgres.as_mut().context("this site has no PostgreSQL of its own")
    }
}
