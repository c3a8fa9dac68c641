//! The one TOML file that tells `mimerd` everything. Parse, validate, freeze.
//!
//! Secrets are named by file path only. Nothing reads the environment afterwards.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

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
    /// The Slurm cluster.
    pub cluster: Cluster,
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

/// The Slurm cluster and its gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Slurm's name of the cluster.
    pub name: String,
    /// Unix socket of `mimer-slurm-gateway` on this machine.
    #[serde(default)]
    pub gateway_socket: Option<PathBuf>,
    /// The gateway on another machine, in place of the socket.
    #[serde(default)]
    pub gateway: Option<RemoteGateway>,
    /// Seconds before a call to the gateway is given up; the outcome is then unknown, not "no".
    #[serde(default = "Cluster::default_deadline_s")]
    pub deadline_s: u64,
    /// First and last job id of the broker's own range.
    pub job_ids: [u32; 2],
    /// CPUs that go with one GPU.
    #[serde(default = "Cluster::default_cpus")]
    pub cpus_per_gpu: u32,
    /// Partition of open projects.
    pub open_partition: String,
    /// Partition of confidential projects.
    pub confidential_partition: String,
    /// The Slurm account under which all of the broker's lie; never Slurm's own root.
    #[serde(default = "Cluster::default_account_root")]
    pub account_root: String,
    /// What is done about accounts, users, QOS and reservations of Slurm.
    #[serde(default)]
    pub keep: Keep,
    /// QOS of research, whose jobs make way where a pool's share is guaranteed or in a crisis.
    #[serde(default = "Cluster::default_research_qos")]
    pub research_qos: Vec<String>,
    /// Priority of every project's QOS. An agency that lowers itself at a limit goes to 0, so lowering
    /// changes the order of waiting jobs only where this is above 0.
    #[serde(default)]
    pub qos_priority: u32,
}

/// A `mimer-slurm-gateway` on another machine: TLS 1.3, each side with a certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteGateway {
    /// Host and port.
    pub address: String,
    /// The name in the gateway's certificate.
    pub server_name: String,
    /// PEM file with the authority that signs the gateway's certificate; no other is trusted.
    pub ca_file: PathBuf,
    /// PEM file with our certificate, whose name is among the gateway's callers.
    pub certificate_file: PathBuf,
    /// PEM file with its key.
    pub key_file: PathBuf,
}

/// How the broker keeps Slurm as the grants, members and shares say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// Accounts, users and QOS are made by hand; jobs are submitted under Slurm's default QOS.
    Off,
    /// What should be different is computed and shown; `mimer cluster apply` writes it.
    #[default]
    Show,
    /// What grants, members or shares have changed is written at once. What somebody changed in
    /// Slurm by hand is shown, and written over only by `mimer cluster apply`.
    Apply,
}

impl Cluster {
    fn default_account_root() -> String {
        "public".to_owned()
    }
    fn default_research_qos() -> Vec<String> {
        vec!["normal".to_owned()]
    }
    fn default_deadline_s() -> u64 {
        15
    }
    fn default_cpus() -> u32 {
        1
    }
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
        reason: &'static str,
    },
}

impl Config {
    /// Reads and checks the file.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text).map_err(|error| ConfigError::Malformed {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        config.check().map_err(|(setting, reason)| ConfigError::BadValue {
            path: path.to_owned(),
            setting,
            reason,
        })?;
        Ok(config)
    }

    fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if self.cluster.gateway_socket.is_some() == self.cluster.gateway.is_some() {
            return Err((
                "cluster.gateway_socket",
                "or a section [cluster.gateway] must be there, and not both",
            ));
        }
        let [first, last] = self.cluster.job_ids;
        if first == 0 || first > last {
            return Err(("cluster.job_ids", "must be [first, last] with 0 < first <= last"));
        }
        if last >= 1 << 26 {
            return Err((
                "cluster.job_ids",
                "must stay below 67108864, where Slurm's own limit is",
            ));
        }
        if self.cluster.account_root == "root"
            || self.cluster.account_root.parse::<quotas::name::SlurmAccount>().is_err()
        {
            return Err((
                "cluster.account_root",
                "must be an account of the broker's own in lower case, as `public`; never `root`",
            ));
        }
        if !self.state_dir.is_absolute() {
            return Err(("state_dir", "must be an absolute path"));
        }
        if self.listen.metrics_address.is_some_and(|address| !address.ip().is_loopback()) {
            return Err(("listen.metrics_address", "must be a loopback address: it has no TLS"));
        }
        if self.duties.outbox_workers == 0 {
            return Err(("duties.outbox_workers", "must be at least 1"));
        }
        if self.duties.outbox_tries < 1 {
            return Err(("duties.outbox_tries", "must be at least 1"));
        }
        if self.duties.outbox_keep_days < 1 {
            return Err(("duties.outbox_keep_days", "must be at least 1"));
        }
        if self.duties.resubmit_after_s < 0 || self.duties.resubmit_after_break_s < 0 {
            return Err((
                "duties.resubmit_after_s",
                "must not be negative, nor resubmit_after_break_s",
            ));
        }
        if self.duties.settle_after_s < 0 {
            return Err(("duties.settle_after_s", "must not be negative"));
        }
        if self.duties.min_job_age_s < 2 {
            return Err((
                "duties.min_job_age_s",
                "must be Slurm's MinJobAge, at least 2 seconds: what ends must be seen to end",
            ));
        }
        if self.duties.records_ms < 1_000 {
            return Err(("duties.records_ms", "must be at least 1000: slurmdbd is never hammered"));
        }
        if self.duties.database_connections < self.duties.outbox_workers + 4 {
            return Err(("duties.database_connections", "must be at least outbox_workers + 4"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
