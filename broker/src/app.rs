//! What every handler and worker of mimerd shares.
//!
//! An [`App`] stands at one of the configuration's clusters: its settings, its gateway and what is
//! known of it are at hand, and whatever works on Slurm works on that one. [`App::on`] stands at
//! another, [`App::each`] at each in turn; everything else is shared by all of them.

use std::sync::Arc;

use anyhow::Context;
use record::Clock;
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::config::{Cluster, Config};
use crate::gateway::{Gateway, GatewayError};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::settings::KnownSettings;

/// Cheap to clone; everything inside is shared.
#[derive(Clone)]
pub struct App {
    /// The frozen settings.
    pub config: Arc<Config>,
    /// PostgreSQL, as the application's role.
    pub db: PgPool,
    /// Whether PostgreSQL answers.
    pub health: Health,
    /// Where "now" comes from.
    pub clock: Clock,
    /// mimerd's metrics.
    pub metrics: Arc<Metrics>,
    /// Rung after a commit that wants effects, so that workers need not wait for their next look.
    pub outbox_wake: Arc<Notify>,
    /// Every cluster of the configuration.
    pub clusters: Clusters,
    /// The settings of the cluster that this App stands at.
    pub cluster: Arc<Cluster>,
    /// The way to its Slurm.
    pub gateway: Gateway,
    /// What is known of its Slurm's settings.
    pub settings: KnownSettings,
    /// Rung when its keeper is to look at once; [`Clusters::wake`] rings all.
    pub cluster_wake: Arc<Notify>,
}

/// The clusters of the configuration, in its order; at least one.
#[derive(Clone)]
pub struct Clusters(Arc<[OneCluster]>);

/// A cluster, the way to its Slurm, and what is known of it.
#[derive(Clone)]
pub struct OneCluster {
    /// What the configuration says of it.
    pub cluster: Arc<Cluster>,
    /// The way to its Slurm.
    pub gateway: Gateway,
    /// Whether its gateway answers.
    pub health: Health,
    /// What is known of its Slurm's settings.
    pub settings: KnownSettings,
    /// Rung after a commit that changes what Slurm should have: a grant, a member, a limit, a share
    /// or a crisis. Its keeper then looks at once.
    pub wake: Arc<Notify>,
}

impl App {
    /// The App of a configuration. It stands at the first cluster.
    pub fn new(config: Config, db: PgPool, clock: Clock) -> anyhow::Result<Self> {
        let clusters = Clusters::of(&config)?;
        let OneCluster { cluster, gateway, settings, wake, .. } =
            clusters.iter().next().context("the configuration names no cluster")?.clone();
        Ok(Self {
            config: Arc::new(config),
            db,
            health: Health::default(),
            clock,
            metrics: Arc::new(Metrics::new()?),
            outbox_wake: Arc::new(Notify::new()),
            clusters,
            cluster,
            gateway,
            settings,
            cluster_wake: wake,
        })
    }

    /// The same at the cluster of that name; `None` if the configuration has no such cluster.
    pub fn on(&self, name: &str) -> Option<Self> {
        self.clusters.named(name).map(|one| self.at(one))
    }

    /// The same at each cluster.
    pub fn each(&self) -> Vec<Self> {
        self.clusters.iter().map(|one| self.at(one)).collect()
    }

    fn at(&self, one: &OneCluster) -> Self {
        Self {
            cluster: one.cluster.clone(),
            gateway: one.gateway.clone(),
            settings: one.settings.clone(),
            cluster_wake: one.wake.clone(),
            ..self.clone()
        }
    }
}

impl Clusters {
    /// Makes the way to every gateway ready; none is connected to yet.
    pub fn of(config: &Config) -> anyhow::Result<Self> {
        let one = |cluster: &Cluster| {
            Ok(OneCluster {
                gateway: Gateway::of(cluster)
                    .with_context(|| format!("the way to the gateway of {}", cluster.name))?,
                cluster: Arc::new(cluster.clone()),
                health: Health::default(),
                settings: KnownSettings::default(),
                wake: Arc::default(),
            })
        };
        config.clusters.iter().map(one).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, OneCluster> {
        self.0.iter()
    }

    /// The cluster of that name.
    pub fn named(&self, name: &str) -> Option<&OneCluster> {
        self.iter().find(|one| one.cluster.name == name)
    }

    /// The gateway of the cluster of that name; without one, what is asked of it waits.
    pub fn gateway(&self, name: &str) -> Result<&Gateway, GatewayError> {
        let one = self.named(name).ok_or_else(|| GatewayError::NotConfigured(name.to_owned()))?;
        Ok(&one.gateway)
    }

    /// The only one, where there is just one.
    pub fn only(&self) -> Option<&OneCluster> {
        match &*self.0 {
            [one] => Some(one),
            _ => None,
        }
    }

    /// Their names, with commas between.
    pub fn names(&self) -> String {
        let names: Vec<&str> = self.iter().map(|one| one.cluster.name.as_str()).collect();
        names.join(", ")
    }

    /// Has the keeper of every cluster look at once.
    pub fn wake(&self) {
        self.iter().for_each(|one| one.wake.notify_one());
    }
}
