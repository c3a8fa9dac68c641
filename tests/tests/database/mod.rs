//! A way into a site's own database, past mimerd: what a test reads, and what a superuser could do.

use anyhow::{Context, Result};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use testbed::site::Site;

/// Connects as one of the database's roles. The kernel vouches for us: the test and mimerd run as
/// the same user, who may be any of the roles.
pub(crate) async fn connect(site: &Site, role: &str) -> Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass()
        .socket(site.postgres_socket_dir())
        .port(5432)
        .username(role)
        .database("mimer");
    options.connect().await.with_context(|| format!("connecting to the site's database as {role}"))
}
