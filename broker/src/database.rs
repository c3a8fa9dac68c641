//! The three connections to PostgreSQL (owner, application, sealer) and the migrations.
//!
//! The application's pool owns nothing and cannot change what is sealed; the owner connects only
//! while migrating.

mod embedded;

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::Context;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use crate::config::{Config, Database};
pub use embedded::{EmbeddedPostgres, Stay};

/// How long a mimerd that starts waits for a PostgreSQL that is not there yet.
const START_BOUND: Duration = Duration::from_secs(60);
/// How long a request waits for a connection before it is told to come again.
const ACQUIRE_BOUND: Duration = Duration::from_secs(5);

/// The broker's way into its database.
pub struct Databases {
    /// For everything people and workers do.
    pub app: PgPool,
    /// For the sealer alone.
    pub sealer: PgPool,
    owner: PgConnectOptions,
    embedded: Option<EmbeddedPostgres>,
}

/// The connection options of the three roles.
struct Roles {
    owner: PgConnectOptions,
    app: PgConnectOptions,
    sealer: PgConnectOptions,
}

impl Databases {
    /// Opens the configured database, or starts the private one, and migrates it.
    pub async fn open(config: &Config, stay: Stay) -> anyhow::Result<Self> {
        let (roles, embedded) = match &config.database {
            Some(database) => (Roles::configured(database)?, None),
            None => {
                let dir = config.state_dir.join("postgres");
                let embedded = EmbeddedPostgres::start(&dir, stay).await?;
                let roles = Roles {
                    owner: embedded.options("mimer_owner"),
                    app: embedded.options("mimer_app"),
                    sealer: embedded.options("mimer_sealer"),
                };
                (roles, Some(embedded))
            }
        };
        let patience = if stay == Stay::Serve { START_BOUND } else { Duration::ZERO };
        migrate(connect_within(&roles.owner, patience).await?).await?;
        let app = PgPoolOptions::new()
            .acquire_timeout(ACQUIRE_BOUND)
            .max_connections(config.duties.database_connections)
            .connect_with(roles.app)
            .await
            .context("connecting to PostgreSQL as the application")?;
        let sealer = PgPoolOptions::new()
            .acquire_timeout(ACQUIRE_BOUND)
            .max_connections(3)
            .connect_with(roles.sealer)
            .await
            .context("connecting to PostgreSQL as the sealer")?;
        Ok(Self { app, sealer, owner: roles.owner, embedded })
    }

    /// Keeps the durable sequence of Slurm job ids inside the configured range.
    pub async fn fit_job_ids(&self, config: &Config) -> anyhow::Result<()> {
        // They are the same in every cluster; the configuration sees to that.
        let ids = config.clusters.first().context("the configuration names no cluster")?.job_ids;
        move_job_ids(&self.owner, ids).await
    }

    /// Writes down which cluster the nodes of earlier releases are on, while there is only one.
    pub async fn place_nodes(&self, config: &Config) -> anyhow::Result<()> {
        let [only] = &config.clusters[..] else { return Ok(()) };
        let mut owner = connect_within(&self.owner, Duration::ZERO).await?;
        sqlx::query!("update broker.node_token set cluster = $1 where cluster is null", only.name)
            .execute(&mut owner)
            .await
            .context("writing down which cluster the nodes are on")?;
        Ok(())
    }

    /// Returns when the private server has ended by itself; never where there is none.
    pub async fn embedded_ended(&mut self) -> ExitStatus {
        match &mut self.embedded {
            Some(embedded) => embedded.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Starts the private server again, over the same data.
    pub async fn start_embedded_again(&mut self) -> anyhow::Result<()> {
        match &mut self.embedded {
            Some(embedded) => embedded.start_again().await,
            None => Ok(()),
        }
    }

    /// Closes the pools and ends the private server, if this process started it.
    pub async fn close(self) -> anyhow::Result<()> {
        self.app.close().await;
        self.sealer.close().await;
        match self.embedded {
            Some(embedded) => embedded.stop().await,
            None => Ok(()),
        }
    }
}

impl Roles {
    fn configured(database: &Database) -> anyhow::Result<Self> {
        let read = |file: &std::path::Path| -> anyhow::Result<PgConnectOptions> {
            let url = std::fs::read_to_string(file)
                .with_context(|| format!("reading the database URL in {}", file.display()))?;
            url.trim()
                .parse()
                .with_context(|| format!("the URL in {} is not a PostgreSQL URL", file.display()))
        };
        Ok(Self {
            owner: read(&database.owner_url_file)?,
            app: read(&database.app_url_file)?,
            sealer: read(&database.sealer_url_file)?,
        })
    }
}

/// Connects, and waits for a server that is not there yet or that is starting. Whatever else is wrong,
/// such as a password, is said at once: waiting would not mend it.
async fn connect_within(
    options: &PgConnectOptions,
    bound: Duration,
) -> anyhow::Result<PgConnection> {
    let started = Instant::now();
    let mut told = false;
    loop {
        let error = match options.connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        if !may_come(&error) || started.elapsed() >= bound {
            return Err(error).context("connecting to PostgreSQL as the owner, to migrate");
        }
        if !told {
            let bound_s = bound.as_secs();
            tracing::warn!(%error, bound_s, "PostgreSQL is not there yet; mimerd waits for it");
            told = true;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// True where the server may be there in a while.
fn may_come(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // Starting or shutting down, and too many connections.
        sqlx::Error::Database(told) => {
            told.code().is_some_and(|code| code.starts_with("57P") || code == "53300")
        }
        _ => false,
    }
}

/// Brings every schema up to this release, each crate's in its turn.
async fn migrate(mut connection: PgConnection) -> anyhow::Result<()> {
    for (schema, migrator) in [
        ("record", &record::MIGRATOR),
        ("accounting", &accounting::MIGRATOR),
        ("quotas", &quotas::MIGRATOR),
        ("staging", &staging::MIGRATOR),
        ("broker", &crate::MIGRATOR),
    ] {
        migrator
            .run(&mut connection)
            .await
            .with_context(|| format!("migrating schema {schema}"))?;
    }
    connection.close().await?;
    Ok(())
}

/// Moves the sequence's end, and its next value up to the range's start if it is below.
///
/// Another mimerd may be drawing ids meanwhile: the change of the sequence comes first, because it
/// makes every draw wait until the commit, and the next value is never moved back.
async fn move_job_ids(owner: &PgConnectOptions, [first, last]: [u32; 2]) -> anyhow::Result<()> {
    let mut connection = owner.connect().await?;
    let mut tx = connection.begin().await?;
    let used_up =
        "the range of Slurm job ids is used up: raise clusters.job_ids and FirstJobId together";
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "alter sequence broker.slurm_job_id minvalue 1 maxvalue {last}"
    )))
    .execute(&mut *tx)
    .await
    .context(used_up)?;
    let next: i64 = sqlx::query_scalar(
        "select case when is_called then last_value + 1 else last_value end
         from broker.slurm_job_id",
    )
    .fetch_one(&mut *tx)
    .await?;
    anyhow::ensure!(next <= i64::from(last), used_up);
    if next < i64::from(first) {
        sqlx::query("select setval('broker.slurm_job_id', $1, false)")
            .bind(i64::from(first))
            .execute(&mut *tx)
            .await
            .context("moving the job id sequence into its range")?;
    }
    tx.commit().await?;
    connection.close().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::migrate;

    async fn next(db: &PgPool) -> i64 {
        sqlx::query_scalar("select nextval('broker.slurm_job_id')").fetch_one(db).await.unwrap()
    }

    #[sqlx::test(migrations = false)]
    async fn job_ids_move_into_their_range_and_never_back(db: PgPool) {
        migrate(&db).await;
        let owner = (*db.connect_options()).clone();
        move_job_ids(&owner, [100, 200]).await.unwrap();
        assert_eq!([next(&db).await, next(&db).await], [100, 101]);
        move_job_ids(&owner, [50, 103]).await.unwrap();
        assert_eq!([next(&db).await, next(&db).await], [102, 103]);
        assert!(move_job_ids(&owner, [50, 103]).await.is_err(), "the range is used up");
        assert!(move_job_ids(&owner, [50, 90]).await.is_err(), "it ends before what was drawn");
    }

    /// A second mimerd starts while the first draws ids.
    #[sqlx::test(migrations = false)]
    async fn no_id_is_drawn_twice_while_the_range_is_looked_at(db: PgPool) {
        migrate(&db).await;
        let owner = (*db.connect_options()).clone();
        move_job_ids(&owner, [100, 100_000]).await.unwrap();
        let drawing = {
            let db = db.clone();
            tokio::spawn(async move {
                let mut drawn = Vec::new();
                for _ in 0..400 {
                    drawn.push(next(&db).await);
                }
                drawn
            })
        };
        for _ in 0..20 {
            move_job_ids(&owner, [100, 100_000]).await.unwrap();
        }
        let mut drawn = drawing.await.unwrap();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 400);
    }
}
