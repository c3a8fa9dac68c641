//! The agent's configuration: one TOML file, every default visible here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;

use crate::spool::Limits;

/// A spool file is closed before it grows beyond this.
const SPOOL_FILE_BYTES: u64 = 4 * 1_024 * 1_024;

/// Everything the agent is told.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// This node's name as Slurm has it.
    pub node: String,
    /// Directory of the agent's own for segments that wait; made if it is not there.
    pub spool_dir: PathBuf,
    /// slurmd's `SlurmdSpoolDir` on this node, where it lays the scripts down that it starts.
    #[serde(default = "Config::default_slurmd_spool_dir")]
    pub slurmd_spool_dir: PathBuf,
    /// The broker, as `https://broker.example.org:8443`.
    pub broker_url: String,
    /// PEM file with the CA that the broker's certificate comes from. No other is trusted.
    pub ca_file: PathBuf,
    /// File with this node's bearer token; read again for every batch.
    pub token_file: PathBuf,
    /// NVML: a path, or a name that the loader finds.
    #[serde(default = "Config::default_nvml_library")]
    pub nvml_library: PathBuf,
    /// True if and only if `nvml_library` is the SIMULATED one; checked against the GPUs' names.
    #[serde(default)]
    pub simulated: bool,
    /// Segments are cut at whole multiples of this many seconds, 1 to 60.
    #[serde(default = "Config::default_segment_s")]
    pub segment_s: u32,
    /// Loopback address for Prometheus; port 0 picks a free one and logs it.
    #[serde(default = "Config::default_listen")]
    pub listen: SocketAddr,
    /// The process list is read at least this often, in seconds, and whenever memory moves.
    #[serde(default = "Config::default_process_look_s")]
    pub process_look_s: u32,
    /// At most this many segments in one delivery.
    #[serde(default = "Config::default_batch_segments")]
    pub batch_segments: usize,
    /// Longest wait between two tries to deliver, in seconds.
    #[serde(default = "Config::default_retry_max_s")]
    pub retry_max_s: u64,
    /// The spool's bound in bytes; beyond it the oldest segments are dropped and counted.
    #[serde(default = "Config::default_spool_max_bytes")]
    pub spool_max_bytes: u64,
    /// The spool's bound in days; older segments are dropped and counted.
    #[serde(default = "Config::default_spool_max_age_days")]
    pub spool_max_age_days: u32,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration `{path}`")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is not TOML, or a key is missing, unknown or of another type.
    #[error("the configuration `{path}` is not right")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// A value is outside its bounds.
    #[error("`{key}` in the configuration `{path}` {fault}")]
    Refused {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong and what would be right.
        fault: &'static str,
    },
}

impl Config {
    /// Slurm's own default.
    fn default_slurmd_spool_dir() -> PathBuf {
        "/var/spool/slurmd".into()
    }

    fn default_nvml_library() -> PathBuf {
        "libnvidia-ml.so.1".into()
    }

    fn default_segment_s() -> u32 {
        60
    }

    fn default_listen() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 9835))
    }

    fn default_process_look_s() -> u32 {
        10
    }

    fn default_batch_segments() -> usize {
        500
    }

    fn default_retry_max_s() -> u64 {
        60
    }

    /// About seven weeks of eight GPUs.
    fn default_spool_max_bytes() -> u64 {
        256 * 1_024 * 1_024
    }

    fn default_spool_max_age_days() -> u32 {
        35
    }

    /// Reads and checks the file. Nothing else is read afterwards, the environment least of all.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Malformed { path: path.to_owned(), source })?;
        match config.fault() {
            None => Ok(config),
            Some((key, fault)) => Err(ConfigError::Refused { path: path.to_owned(), key, fault }),
        }
    }

    /// The bounds of the spool.
    pub fn spool_limits(&self) -> Limits {
        Limits {
            file_bytes: SPOOL_FILE_BYTES,
            total_bytes: self.spool_max_bytes,
            max_age: TimeDelta::days(self.spool_max_age_days.into()),
        }
    }

    /// The first key with a value that cannot be used, and why.
    fn fault(&self) -> Option<(&'static str, &'static str)> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let rules = [
            (
                (1..=64).contains(&self.node.len()) && self.node.chars().all(is_name),
                ("node", "must be the node's name in slurm.conf: 1 to 64 letters, digits, - _ ."),
            ),
            (self.spool_dir.is_absolute(), ("spool_dir", "must be an absolute path")),
            (
                self.slurmd_spool_dir.is_absolute(),
                (
                    "slurmd_spool_dir",
                    "must be an absolute path: SlurmdSpoolDir, with %n written out",
                ),
            ),
            (self.ca_file.is_absolute(), ("ca_file", "must be an absolute path")),
            (self.token_file.is_absolute(), ("token_file", "must be an absolute path")),
            (
                self.broker_url.starts_with("https://"),
                ("broker_url", "must begin with https://, or the token would travel in clear"),
            ),
            ((1..=60).contains(&self.segment_s), ("segment_s", "must be 1 to 60")),
            (
                self.listen.ip().is_loopback(),
                ("listen", "must be a loopback address, such as 127.0.0.1:9835"),
            ),
            ((1..=60).contains(&self.process_look_s), ("process_look_s", "must be 1 to 60")),
            ((1..=10_000).contains(&self.batch_segments), ("batch_segments", "must be 1 to 10000")),
            ((1..=3_600).contains(&self.retry_max_s), ("retry_max_s", "must be 1 to 3600")),
            (
                self.spool_max_bytes >= 2 * SPOOL_FILE_BYTES,
                ("spool_max_bytes", "must be at least 8388608, two spool files"),
            ),
            (
                (1..=3_650).contains(&self.spool_max_age_days),
                ("spool_max_age_days", "must be 1 to 3650"),
            ),
        ];
        rules.into_iter().find_map(|(is_right, fault)| (!is_right).then_some(fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = r#"
        node = "node01"
        spool_dir = "/var/lib/mimer-agent"
        broker_url = "https://broker.example.org:8443"
        ca_file = "/etc/mimer/ca.pem"
        token_file = "/etc/mimer/agent.token"
    "#;

    fn load(text: &str) -> Result<Config, ConfigError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::load(file.path())
    }

    #[test]
    fn five_lines_are_enough_and_the_defaults_are_real_hardware() {
        let config = load(LEAST).unwrap();
        assert!(!config.simulated);
        assert_eq!((config.segment_s, config.listen.to_string()), (60, "127.0.0.1:9835".into()));
    }

    #[test]
    fn the_example_shows_every_key_with_its_default() {
        let example = include_str!("../mimer-agent.example.toml");
        let shown = load(&example.replace("\n# ", "\n")).unwrap();
        let keys = |config: &Config| toml::Table::try_from(config).unwrap();
        assert_eq!(keys(&shown), keys(&load(example).unwrap()));
        for key in keys(&shown).keys() {
            assert!(example.contains(&format!("{key} = ")), "{key} is not in the example");
        }
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let refused = load(&format!("{LEAST}\nsegments_s = 30"));
        assert!(matches!(refused, Err(ConfigError::Malformed { .. })));
    }

    #[test]
    fn values_out_of_bounds_are_refused_by_name() {
        let mut refused = Vec::new();
        for line in [
            "segment_s = 61",
            "listen = \"0.0.0.0:9835\"",
            "batch_segments = 0",
            "spool_max_bytes = 1",
        ] {
            match load(&format!("{LEAST}\n{line}")) {
                Err(ConfigError::Refused { key, .. }) => refused.push(key),
                other => panic!("{line}: {other:?}"),
            }
        }
        assert_eq!(refused, ["segment_s", "listen", "batch_segments", "spool_max_bytes"]);
        let in_clear = LEAST.replace("https://", "http://");
        assert!(matches!(load(&in_clear), Err(ConfigError::Refused { key: "broker_url", .. })));
    }
}
