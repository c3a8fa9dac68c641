//! The one TOML file that tells `mimerd` everything. Parse, validate, freeze.
//!
//! Secrets are named by file path only. Nothing reads the environment afterwards.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

mod cluster;

pub use cluster::{Cluster, Keep, RemoteGateway};

/// All settings of `mimerd`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where mimerd keeps its own files: certificates and the embedded database.
    pub state_dir: PathBuf,
    /// What in this installation is simulated; shown on every page. Empty in production.
    #[serde(default)]
    pub simulated: Vec<String>,
    /// HTTP over TLS.
    pub listen: Listen,
    /// PostgreSQL; without this section mimerd runs a private one.
    #[serde(default)]
    pub database: Option<Database>,
    /// The Slurm clusters, each with a gateway of its own.
    #[serde(default)]
    pub clusters: Vec<Cluster>,
    /// Which POSIX account a person runs as.
    pub accounts: Accounts,
    /// Transfers.
    pub staging: Staging,
    /// How often the duties run and how long they wait.
    #[serde(default)]
    pub duties: Duties,
}

/// Where mimerd listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address of the API and the pages (TLS).
    pub address: SocketAddr,
    /// Names and addresses in the development certificate made at first start.
    #[serde(default = "Listen::default_names")]
    pub names: Vec<String>,
    /// Certificate chain and key (PEM); without them a development certificate is made.
    #[serde(default)]
    pub certificate: Option<Certificate>,
    /// Loopback address of `/metrics` in plain HTTP.
    #[serde(default)]
    pub metrics_address: Option<SocketAddr>,
}

impl Listen {
    fn default_names() -> Vec<String> {
        vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
    }
}

/// A certificate from the site.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// PEM file with the chain.
    pub chain_file: PathBuf,
    /// PEM file with the key.
    pub key_file: PathBuf,
}

/// A PostgreSQL of the site, with its three roles.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// File with the connection URL of the owner, who runs migrations.
    pub owner_url_file: PathBuf,
    /// File with the connection URL of the application.
    pub app_url_file: PathBuf,
    /// File with the connection URL of the sealer.
    pub sealer_url_file: PathBuf,
}

/// The account adapter.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// TOML file that lists one POSIX account per person and project; read at every use.
    pub file: PathBuf,
}

/// Transfers over staging links.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Staging {
    /// The `mimer-mover` program.
    pub mover: PathBuf,
    /// Private key that opens the environments' SFTP.
    pub sftp_key_file: PathBuf,
    /// Host keys we trust.
    pub known_hosts_file: PathBuf,
    /// Seconds one transfer may take.
    #[serde(default = "Staging::default_deadline_s")]
    pub deadline_s: u64,
}

impl Staging {
    fn default_deadline_s() -> u64 {
        24 * 3600
    }
}

/// Intervals and bounds of the background duties.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Duties {
    /// Milliseconds between two looks at the outbox when it is empty.
    pub outbox_idle_ms: u64,
    /// Effects carried out at once.
    pub outbox_workers: u32,
    /// Tries before an effect becomes a dead letter.
    pub outbox_tries: i32,
    /// Days after which an effect that is done is removed; what it did stays in the audit trail.
    pub outbox_keep_days: i64,
    /// Milliseconds between two looks at Slurm.
    pub watch_ms: u64,
    /// Milliseconds between two passes of the sealer.
    pub seal_ms: u64,
    /// Seconds slurmctld and slurmdbd must both be asked and not know a submitted job before it is
    /// submitted again, with its id. slurmctld needs some 10 s to find a slurmdbd that came back.
    pub resubmit_after_s: i64,
    /// The same for a job that was submitted before a break in the watching which was long enough for
    /// it to run, end and be forgotten by slurmctld: slurmdbd may be that far behind.
    pub resubmit_after_break_s: i64,
    /// Slurm's `MinJobAge`: seconds that slurmctld remembers a job that is over.
    pub min_job_age_s: i64,
    /// Milliseconds between two questions to slurmdbd about what has ended.
    pub records_ms: i64,
    /// Seconds that slurmctld must have called a job over before it is settled: until then it may not
    /// have saved the end. It saves within five.
    pub settle_after_s: i64,
    /// Milliseconds between two rounds: jobs that nobody planned, holds whose time is up.
    pub round_ms: u64,
    /// Seconds after a submission was given up until its hold is given back, if Slurm never heard
    /// of the job.
    pub give_up_after_s: i64,
    /// Connections to PostgreSQL.
    pub database_connections: u32,
}

impl Default for Duties {
    fn default() -> Self {
        Self {
            outbox_idle_ms: 200,
            outbox_workers: 8,
            outbox_tries: 200,
            outbox_keep_days: 30,
            watch_ms: 1000,
            seal_ms: 1000,
            resubmit_after_s: 30,
            resubmit_after_break_s: 600,
            settle_after_s: 7,
            min_job_age_s: 300,
            records_ms: 5000,
            round_ms: 3000,
            give_up_after_s: 3600,
            database_connections: 24,
        }
    }
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: check that it exists and that this user may read it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong kind.
    #[error("{path} is not a valid configuration:\n{reason}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The parser's words, with line and column.
        reason: String,
    },
    /// A value that cannot work.
    #[error("{path}: {setting} {reason}")]
    BadValue {
        /// The file.
        path: PathBuf,
        /// The setting's name.
        setting: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
}

/// A setting, and what is wrong with it.
type Fault = (&'static str, String);

impl Config {
    /// Reads and checks the file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text).map_err(|error| ConfigError::Malformed {
            path: path.to_owned(),
            reason: cluster::once_written(&text).unwrap_or_else(|| error.to_string()),
        })?;
        config.check().map_err(|(setting, reason)| ConfigError::BadValue {
            path: path.to_owned(),
            setting,
            reason,
        })?;
        Ok(config)
    }

    fn check(&self) -> Result<(), Fault> {
        cluster::check(&self.clusters)?;
        if !self.state_dir.is_absolute() {
            return Err(("state_dir", "must be an absolute path".to_owned()));
        }
        if self.listen.metrics_address.is_some_and(|address| !address.ip().is_loopback()) {
            return Err((
                "listen.metrics_address",
                "must be a loopback address: it has no TLS".to_owned(),
            ));
        }
        if self.duties.outbox_workers == 0 {
            return Err(("duties.outbox_workers", "must be at least 1".to_owned()));
        }
        if self.duties.outbox_tries < 1 {
            return Err(("duties.outbox_tries", "must be at least 1".to_owned()));
        }
        if self.duties.outbox_keep_days < 1 {
            return Err(("duties.outbox_keep_days", "must be at least 1".to_owned()));
        }
        if self.duties.resubmit_after_s < 0 || self.duties.resubmit_after_break_s < 0 {
            return Err((
                "duties.resubmit_after_s",
                "must not be negative, nor resubmit_after_break_s".to_owned(),
            ));
        }
        if self.duties.settle_after_s < 0 {
            return Err(("duties.settle_after_s", "must not be negative".to_owned()));
        }
        if self.duties.min_job_age_s < 2 {
            return Err((
                "duties.min_job_age_s",
                "must be Slurm's MinJobAge, at least 2 seconds: what ends must be seen to end"
                    .to_owned(),
            ));
        }
        if self.duties.records_ms < 1_000 {
            return Err((
                "duties.records_ms",
                "must be at least 1000: slurmdbd is never hammered".to_owned(),
            ));
        }
        // Each of several clusters has a worker of its own.
        let workers = match self.clusters.len() {
            1 => u64::from(self.duties.outbox_workers),
            count => u64::from(self.duties.outbox_workers) + count as u64,
        };
        if u64::from(self.duties.database_connections) < workers + 4 {
            return Err((
                "duties.database_connections",
                "must be at least outbox_workers + 4, and one more for each of several clusters"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
