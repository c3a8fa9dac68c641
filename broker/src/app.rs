//! What every handler and worker of mimerd shares.

use std::sync::Arc;

use record::Clock;
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::config::Config;
use crate::gateway::Gateway;
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
    /// Where "now" comes from.
    pub clock: Clock,
    /// The way to Slurm.
    pub gateway: Gateway,
    /// Whether PostgreSQL and the gateway answer.
    pub health: Health,
    /// What is known of Slurm's settings.
    pub settings: KnownSettings,
    /// mimerd's metrics.
    pub metrics: Arc<Metrics>,
    /// Rung after a commit that wants effects, so that workers need not wait for their next look.
    pub outbox_wake: Arc<Notify>,
    /// Rung after a commit that changes what Slurm should have: a grant, a member, a limit, a share
    /// or a crisis. The keeper then looks at once.
    pub cluster_wake: Arc<Notify>,
}
