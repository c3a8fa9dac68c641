//! The embedded default: a private PostgreSQL, made of the distribution's own server binaries.
//!
//! It listens on a socket only, under the state directory. PostgreSQL refuses to run as root, so a
//! mimerd started by root runs it as the system user `postgres`. Who may connect is decided by the
//! kernel (peer credentials): only the user mimerd runs as.
//!
//! One process owns the server from its start to its end and holds a lock on the directory
//! meanwhile ([`lock`]). mimerd's one-off commands join the server of a mimerd that serves.

mod leftover;
mod lock;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tokio::process::{Child, Command};

pub use lock::Stay;
use lock::{Claim, OwnerLock};

/// A running private PostgreSQL.
pub struct EmbeddedPostgres {
    dir: PathBuf,
    owned: Option<Owned>,
}

/// A server that this process started, and ends.
struct Owned {
    server: Child,
    lock: OwnerLock,
}

/// How long the server may take to answer its first connection.
const START_BOUND: Duration = Duration::from_secs(60);
/// How long a fast shutdown may take before the process is killed.
const STOP_BOUND: Duration = Duration::from_secs(30);

impl EmbeddedPostgres {
    /// Starts the server in `dir`, making the data directory first if it is new.
    ///
    /// A one-off command joins the server of a mimerd that serves from `dir`. A server left behind
    /// by a mimerd that died is ended first: it may be on its way out already.
    pub async fn start(dir: &Path, stay: Stay) -> anyhow::Result<Self> {
        let binaries = server_binaries()?;
        let system_user = server_user();
        let data = dir.join("data");
        std::fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        if let Some(user) = &system_user {
            std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?;
            std::os::unix::fs::chown(dir, Some(user.uid), Some(user.gid))
                .with_context(|| format!("giving {} to the user postgres", dir.display()))?;
        }
        let mut postgres = Self { dir: dir.to_owned(), owned: None };
        let lock = match postgres.claim(stay).await? {
            Claim::Owner(lock) => lock,
            Claim::Guest => return Ok(postgres),
        };
        leftover::end(dir, &data, STOP_BOUND).await?;
        if !data.join("PG_VERSION").exists() {
            initialise(&binaries, system_user.as_ref(), &data).await?;
        }
        write_access_rules(&data, system_user.as_ref())?;
        let server = spawn(dir)?;
        let owned = postgres.owned.insert(Owned { server, lock });
        wait_until_it_answers(dir, &mut owned.server).await?;
        make_roles(dir).await?;
        if stay == Stay::Serve {
            owned.lock.tell_serving()?;
        }
        Ok(postgres)
    }

    /// Becomes the owner, or the guest of a mimerd that serves.
    async fn claim(&self, stay: Stay) -> anyhow::Result<Claim> {
        let waited = tokio::time::timeout(START_BOUND, async {
            loop {
                match lock::claim(&self.dir, stay)? {
                    Some(Claim::Guest) if !answers(&self.dir).await => {}
                    Some(claim) => return Ok(claim),
                    None => {}
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        waited.await.unwrap_or_else(|_| {
            bail!(
                "another mimerd uses {}: end it first, or configure [database] to run several",
                self.dir.display()
            )
        })
    }

    /// Connection options for one of the three roles.
    pub fn options(&self, role: &str) -> PgConnectOptions {
        options_in(&self.dir, "mimer", role)
    }

    /// Returns when the server that this process started has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let Some(owned) = &mut self.owned else { return std::future::pending().await };
        match owned.server.wait().await {
            Ok(status) => status,
            // It cannot be waited for: nothing is known, so nothing is said.
            Err(_) => std::future::pending().await,
        }
    }

    /// Starts a server that has ended by itself again, over the same data: what was committed is there.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        let Some(owned) = &mut self.owned else { return Ok(()) };
        leftover::end(&self.dir, &self.dir.join("data"), STOP_BOUND).await?;
        owned.server = spawn(&self.dir)?;
        wait_until_it_answers(&self.dir, &mut owned.server).await
    }

    /// Ends the server: open transactions are rolled back, committed ones are safe.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let Some(Owned { mut server, lock }) = self.owned.take() else { return Ok(()) };
        if let Some(pid) = server.id().and_then(|pid| i32::try_from(pid).ok()) {
            let pid = rustix::process::Pid::from_raw(pid).context("a child has a pid")?;
            rustix::process::kill_process(pid, rustix::process::Signal::INT)?;
        }
        match tokio::time::timeout(STOP_BOUND, server.wait()).await {
            Ok(status) => {
                status?;
            }
            Err(_) => server.kill().await.context("ending PostgreSQL")?,
        }
        drop(lock); // Only now may another process start a server here.
        Ok(())
    }
}

/// Starts the server over the data in `dir`.
fn spawn(dir: &Path) -> anyhow::Result<Child> {
    let log = std::fs::File::options().create(true).append(true).open(dir.join("server.log"))?;
    let mut command = as_user(server_user().as_ref(), &server_binaries()?.join("postgres"));
    command
        .arg("-D")
        .arg(dir.join("data"))
        .args(["-c", "listen_addresses=", "-c", "max_connections=120", "-k"])
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    command.spawn().context("starting PostgreSQL")
}

fn options_in(dir: &Path, database: &str, role: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(dir)
        .port(5432)
        .username(role)
        .database(database)
        .application_name("mimerd")
}

async fn answers(dir: &Path) -> bool {
    match options_in(dir, "postgres", "postgres").connect().await {
        Ok(connection) => connection.close().await.is_ok(),
        Err(_) => false,
    }
}

async fn wait_until_it_answers(dir: &Path, server: &mut Child) -> anyhow::Result<()> {
    let log = dir.join("server.log");
    let waited = tokio::time::timeout(START_BOUND, async {
        while !answers(dir).await {
            if let Some(status) = server.try_wait()? {
                bail!("PostgreSQL ended at start ({status}); see {}", log.display());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    });
    waited.await.with_context(|| format!("PostgreSQL did not start; see {}", log.display()))?
}

/// Makes the database and its three roles, once.
async fn make_roles(dir: &Path) -> anyhow::Result<()> {
    let mut admin = options_in(dir, "postgres", "postgres").connect().await?;
    for role in ["mimer_owner", "mimer_app", "mimer_sealer"] {
        let there: bool =
            sqlx::query_scalar("select exists (select from pg_roles where rolname = $1)")
                .bind(role)
                .fetch_one(&mut admin)
                .await?;
        if !there {
            sqlx::query(sqlx::AssertSqlSafe(format!("create role {role} login")))
                .execute(&mut admin)
                .await?;
        }
    }
    let there: bool =
        sqlx::query_scalar("select exists (select from pg_database where datname = 'mimer')")
            .fetch_one(&mut admin)
            .await?;
    if !there {
        sqlx::query("create database mimer owner mimer_owner").execute(&mut admin).await?;
    }
    admin.close().await?;
    Ok(())
}

/// The unprivileged user that runs the server when mimerd runs as root.
struct SystemUser {
    uid: u32,
    gid: u32,
}

fn server_user() -> Option<SystemUser> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = passwd.lines().find(|line| line.starts_with("postgres:"))?;
    let mut fields = line.split(':').skip(2);
    Some(SystemUser { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
}

/// Runs `program` as `user`. The kernel ends it when mimerd dies without a word: setpriv asks for
/// the signal, which comes when the thread that spawned it ends. That is mimerd's first thread.
fn as_user(user: Option<&SystemUser>, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if let Some(user) = user {
        let (uid, gid) = (user.uid.to_string(), user.gid.to_string());
        command.args(["--reuid", &uid, "--regid", &gid, "--clear-groups"]);
    }
    command.args(["--pdeathsig", "INT", "--"]).arg(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8").current_dir("/");
    command
}

async fn initialise(binaries: &Path, user: Option<&SystemUser>, data: &Path) -> anyhow::Result<()> {
    // A directory that is only half made, because mimerd died meanwhile, is never taken for whole.
    let new = data.with_extension("new");
    if new.exists() {
        std::fs::remove_dir_all(&new).with_context(|| format!("removing {}", new.display()))?;
    }
    let output = as_user(user, &binaries.join("initdb"))
        .arg("-D")
        .arg(&new)
        .args(["-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--auth=peer"])
        .args(["--data-checksums"])
        .output()
        .await
        .context("running initdb")?;
    if !output.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    std::fs::rename(&new, data).with_context(|| format!("naming {}", data.display()))?;
    Ok(())
}

/// Peer credentials only: our own user may be any of our roles, and nobody else may connect.
fn write_access_rules(data: &Path, user: Option<&SystemUser>) -> anyhow::Result<()> {
    let uid = rustix::process::geteuid().as_raw();
    let passwd = std::fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
    let name = passwd
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(uid)).then_some(name)
        })
        .context("the user mimerd runs as has no name in /etc/passwd")?;
    let mut ident = String::new();
    for role in ["postgres", "mimer_owner", "mimer_app", "mimer_sealer"] {
        ident.push_str(&format!("mimer {name} {role}\n"));
    }
    for (file, text) in
        [("pg_ident.conf", ident.as_str()), ("pg_hba.conf", "local all all peer map=mimer\n")]
    {
        let path = data.join(file);
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        if let Some(user) = user {
            std::os::unix::fs::chown(&path, Some(user.uid), Some(user.gid))?;
        }
    }
    Ok(())
}

/// The newest server the distribution has; its directory is not on PATH.
fn server_binaries() -> anyhow::Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            path.join("bin/postgres").exists().then(|| (version, path.join("bin")))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path).context(
        "no PostgreSQL server found under /usr/lib/postgresql: install the package `postgresql`, \
         or configure [database]",
    )
}
