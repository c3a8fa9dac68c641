//! A PostgreSQL of the site: a private server over TCP, with the three roles and their passwords as the
//! operators' page documents them. Several mimerd may share it, and it may be killed.
//!
//! Nothing is traded for speed here: what it said is committed must be there after a kill -9.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::{Daemon, Workspace, port};

/// A server is up in a second, and after a kill it reads its log first; a busy machine gets time.
const BOUND: Duration = Duration::from_secs(60);

/// The roles of an installation, as in `docs/operators/configure.md`.
const ROLES: [&str; 3] = ["mimer_owner", "mimer_app", "mimer_sealer"];

/// A private PostgreSQL server; dropping it ends it and removes its directory.
#[derive(Debug)]
pub struct Postgres {
    binaries: PathBuf,
    port: u16,
    password: String,
    daemon: Option<Daemon>,
    workspace: Workspace,
}

impl Postgres {
    /// Makes a server with an empty database `mimer` and its three roles, and starts it.
    pub async fn start() -> Result<Self> {
        let workspace = Workspace::create("pg")?;
        let binaries = server_binaries()?;
        let password = record::id::fresh().simple().to_string();
        let mut postgres =
            Self { binaries, port: port::free()?, password, daemon: None, workspace };
        postgres.initialise().await?;
        postgres.start_again().await?;
        postgres.make_roles().await?;
        Ok(postgres)
    }

    /// Starts the server, also after it was killed, and waits until it answers.
    pub async fn start_again(&mut self) -> Result<()> {
        ensure!(self.daemon.is_none(), "PostgreSQL runs already");
        let data = self.data();
        let mut command = self.as_server_user("postgres")?;
        command.arg("-D").arg(&data).args(["-p", &self.port.to_string(), "-k"]).arg(&data).args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=200",
            "-c",
            // SCRAM takes a client that was not optimised half a second of computing per connection.
            "password_encryption=md5",
        ]);
        let log = self.workspace.path().join("server.log");
        let mut daemon = Daemon::spawn("postgres", command, &log)?;
        let admin = self.options("postgres", "postgres");
        daemon
            .until_ready(BOUND, async || match admin.connect().await {
                Ok(connection) => Ok(connection.close().await.is_ok()),
                Err(_) => Ok(false),
            })
            .await?;
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Kills the server and every process of it with -9, as when its machine loses power.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.crash();
            daemon.stop();
        }
    }

    /// The connection URL of one role, as it stands in a file that mimerd reads.
    pub fn url(&self, role: &str) -> String {
        format!("postgres://{role}:{}@127.0.0.1:{}/mimer", self.password, self.port)
    }

    /// Connects as one of the roles, or as the superuser `postgres`.
    pub async fn connect(&self, role: &str) -> Result<PgConnection> {
        let options = self.options(role, "mimer");
        options.connect().await.with_context(|| format!("connecting to PostgreSQL as {role}"))
    }

    fn data(&self) -> PathBuf {
        self.workspace.path().join("data")
    }

    fn options(&self, role: &str, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(role)
            .password(&self.password)
            .database(database)
            .application_name("testbed")
    }

    /// A program of the server, run as the user `postgres` when we are root: it refuses to be root.
    fn as_server_user(&self, program: &str) -> Result<Command> {
        let mut command = Command::new("setpriv");
        if let Some((uid, gid)) = server_user()? {
            command.args(["--reuid", &uid.to_string(), "--regid", &gid.to_string()]);
            command.arg("--clear-groups");
        }
        command.arg("--").arg(self.binaries.join(program));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8").current_dir("/");
        Ok(command)
    }

    async fn initialise(&self) -> Result<()> {
        let dir = self.workspace.path();
        let password_file = self.workspace.write("password", 0o600, &self.password)?;
        if let Some((uid, gid)) = server_user()? {
            for path in [dir, &password_file] {
                chown(path, Some(uid), Some(gid))
                    .with_context(|| format!("giving {} to postgres", path.display()))?;
            }
        }
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
        let mut command = self.as_server_user("initdb")?;
        command
            .arg("-D")
            .arg(self.data())
            .args(["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth=md5"])
            .args(["--data-checksums", "--no-sync"])
            .arg(format!("--pwfile={}", password_file.display()));
        let output = tokio::process::Command::from(command).output().await?;
        ensure!(
            output.status.success(),
            "initdb failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    async fn make_roles(&self) -> Result<()> {
        let mut admin = self.options("postgres", "postgres").connect().await?;
        let password = &self.password;
        for role in ROLES {
            let create = format!("create role {role} login password '{password}'");
            sqlx::query(AssertSqlSafe(create)).execute(&mut admin).await?;
        }
        sqlx::query("create database mimer owner mimer_owner").execute(&mut admin).await?;
        admin.close().await?;
        Ok(())
    }
}

/// Uid and gid of the system user `postgres`; `None` where this program is not root.
fn server_user() -> Result<Option<(u32, u32)>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    let line = passwd
        .lines()
        .find(|line| line.starts_with("postgres:"))
        .context("there is no user postgres: install the package postgresql")?;
    let fields: Vec<&str> = line.split(':').collect();
    let field = |place: usize| -> Result<u32> {
        Ok(fields.get(place).with_context(|| format!("in /etc/passwd: {line}"))?.parse()?)
    };
    Ok(Some((field(2)?, field(3)?)))
}

/// The newest server of the distribution.
fn server_binaries() -> Result<PathBuf> {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((version(&entry.path())?, entry.path().join("bin"))))
        .filter(|(_, path)| path.join("postgres").exists())
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path).context("no PostgreSQL server: install postgresql")
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its directory goes with it, so there is nothing that an orderly end would save.
        self.kill();
    }
}
