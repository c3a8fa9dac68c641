//! What a bench of the broker's own work stands on: its embedded PostgreSQL with default durability,
//! its library, and the *simulated* gateway. No mimerd runs, so nothing else works meanwhile.

use std::fmt::Write;

use anyhow::{Context, Result};
use broker::app::App;
use broker::config::Config;
use broker::database::{Databases, Stay};
use record::Clock;
use sqlx::{ConnectOptions, PgConnection};

use crate::Workspace;
use crate::fake_gateway::{FakeGateway, FakePlan};

/// The cluster's name.
pub(super) const CLUSTER: &str = "simulated";

/// The ground; [`Ground::leave`] ends the database.
pub(super) struct Ground {
    pub(super) app: App,
    pub(super) gateway: FakeGateway,
    databases: Databases,
    workspace: Workspace,
}

impl Ground {
    /// Starts the database with so many connections, migrates it, and starts the gateway.
    pub(super) async fn start(connections: u32) -> Result<Self> {
        let workspace = Workspace::create("bench")?;
        let dir = workspace.path().display();
        let text = format!(
            "state_dir = '{dir}/state'\nlisten.address = '127.0.0.1:0'\n\
             accounts.file = '{dir}/accounts.toml'\n\
             duties.database_connections = {connections}\n\
             [[clusters]]\nname = '{CLUSTER}'\ngateway_socket = '{dir}/gateway.sock'\n\
             deadline_s = 60\njob_ids = [100000, 9999999]\nopen_partition = 'gpu'\n\
             confidential_partition = 'confidential'\nkeep = 'apply'\n\
             [staging]\nmover = '/nonexistent'\nsftp_key_file = '/nonexistent'\n\
             known_hosts_file = '/nonexistent'\n"
        );
        let config = Config::read(&workspace.write("mimerd.toml", 0o600, text)?)?;
        std::fs::create_dir_all(&config.state_dir)?;
        let databases = Databases::open(&config, Stay::Serve).await?;
        databases.fit_job_ids(&config).await?;
        let socket = workspace.path().join("gateway.sock");
        let gateway = FakeGateway::start(&socket, FakePlan::default(), Clock::System)?;
        let app = App::new(config, databases.app.clone(), Clock::System)?;
        Ok(Self { app, gateway, databases, workspace })
    }

    /// Writes the account list: `login` runs as one of the 99 project users in each project.
    pub(super) fn write_accounts(&self, login: &str, slugs: &[String]) -> Result<()> {
        let mut text = String::new();
        for (number, slug) in (0..99).cycle().zip(slugs) {
            let (user, uid) = (number + 1, 61_001 + number);
            write!(
                text,
                "[[account]]\nlogin = '{login}'\nproject = '{slug}'\nuser = 'mimer-p{user}'\n\
                 uid = {uid}\ngid = {uid}\narea = '/areas/{slug}'\n"
            )?;
        }
        self.workspace.write("accounts.toml", 0o644, text)?;
        Ok(())
    }

    /// Connects as the database's owner, who may make tables. The kernel vouches for us.
    pub(super) async fn owner(&self) -> Result<PgConnection> {
        let options = (*self.app.db.connect_options()).clone().username("mimer_owner");
        options.connect().await.context("connecting as the database's owner")
    }

    /// Has PostgreSQL count what the tables hold, as it does by itself in an hour.
    pub(super) async fn tell_the_planner(&self) -> Result<()> {
        let mut owner = self.owner().await?;
        let tables: Vec<String> = sqlx::query_scalar(
            "select format('%I.%I', schemaname, tablename) from pg_tables
             where tableowner = current_user",
        )
        .fetch_all(&mut owner)
        .await?;
        let statement = format!("analyze {}", tables.join(", "));
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut owner).await?;
        Ok(())
    }

    /// Ends the gateway and the database, and removes the directory.
    pub(super) async fn leave(self) -> Result<()> {
        let Self { app, gateway, databases, workspace } = self;
        drop((app, gateway));
        databases.close().await?;
        drop(workspace);
        Ok(())
    }
}
