//! The bounds file: TOML, root's, and the gateway's only configuration.

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Bounds, FIRST_PERSON, JOB_ID_LIMIT};
use crate::needs::Need;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoundsFile {
    /// Path of the Unix socket, replaced at start. Without it, callers come over TLS alone.
    pub socket: Option<PathBuf>,
    /// Group that may connect; without it, the gateway's own.
    pub socket_gid: Option<u32>,
    /// Uids that may call over the socket.
    #[serde(default)]
    pub callers: Vec<u32>,
    /// Most connections at once.
    #[serde(default = "max_connections")]
    pub max_connections: u32,
    /// Address for `/metrics`; without it there is none.
    pub metrics: Option<SocketAddr>,
    /// Callers on other machines; without it there are none.
    pub tls: Option<TlsSection>,
    /// How to reach Slurm.
    pub slurm: SlurmSection,
    /// What callers may ask for.
    pub bounds: Bounds,
}

/// How callers on other machines are told apart: TLS 1.3 with client certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSection {
    /// Where to listen.
    pub address: SocketAddr,
    /// PEM file with the gateway's certificate and those between it and the authority.
    pub certificate_file: PathBuf,
    /// PEM file with its key, readable by nobody else.
    pub key_file: PathBuf,
    /// PEM file with the authority that signs callers' certificates, and nobody else's.
    pub client_ca_file: PathBuf,
    /// DNS names of which a caller's certificate carries one, letter by letter.
    pub callers: Vec<String>,
}

impl TlsSection {
    fn fault(&self) -> Option<&'static str> {
        let files = [&self.certificate_file, &self.key_file, &self.client_ca_file];
        let wrong = [
            (self.callers.is_empty(), "tls.callers is empty: nobody could call"),
            (
                self.callers.iter().any(|it| it.is_empty() || it.contains('*')),
                "tls.callers names callers one by one: none of them empty or with a `*`",
            ),
            (
                files.iter().any(|it| !it.is_absolute()),
                "tls.certificate_file, tls.key_file and tls.client_ca_file must be absolute paths",
            ),
        ];
        wrong.iter().find(|(is_wrong, _)| *is_wrong).map(|(_, sentence)| *sentence)
    }
}

/// How to reach Slurm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlurmSection {
    /// The gateway's own copy of slurm.conf, with short MessageTimeout and TCPTimeout.
    pub conf: PathBuf,
    /// The cluster's name.
    pub cluster: String,
    /// A call to slurmctld that takes longer costs the worker its life.
    #[serde(default = "ctl_deadline_ms")]
    pub ctl_deadline_ms: u64,
    /// The same for slurmdbd.
    #[serde(default = "dbd_deadline_ms")]
    pub dbd_deadline_ms: u64,
    /// Calls that may wait for a free thread of one worker; more are answered Busy.
    #[serde(default = "queue")]
    pub queue: u32,
    /// Questions to slurmdbd in a minute; a quarter of them may come at once. Changes are not counted.
    #[serde(default = "dbd_queries_per_min")]
    pub dbd_queries_per_min: u32,
    /// False where the broker may not choose job ids, as in a federation. A gateway that is neither
    /// root nor SlurmUser cannot either, whatever stands here.
    #[serde(default = "explicit_ids")]
    pub explicit_ids: bool,
    /// Settings of Slurm that are checked.
    #[serde(default = "needs")]
    pub needs: Vec<Need>,
}

fn max_connections() -> u32 {
    64
}

fn ctl_deadline_ms() -> u64 {
    10_000
}

fn dbd_deadline_ms() -> u64 {
    60_000
}

fn queue() -> u32 {
    64
}

fn dbd_queries_per_min() -> u32 {
    120
}

fn explicit_ids() -> bool {
    true
}

fn needs() -> Vec<Need> {
    Need::ALL.into()
}

/// Why the gateway refuses to start with a file.
#[derive(Debug, thiserror::Error)]
pub enum BoundsFileError {
    /// It cannot be read.
    #[error("the bounds file {path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody other than root could change what the gateway permits.
    #[error(
        "the bounds file {path} belongs to uid {uid} with mode {mode:04o}: make it root's and writable \
         by root alone (chown root, chmod 0644)"
    )]
    NotRootsAlone {
        /// The file.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not TOML, or has an unknown or missing name.
    #[error("the bounds file {path} cannot be understood")]
    NotUnderstood {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A value would open a hole or close everything.
    #[error("the bounds file {path} has a wrong value: {sentence}")]
    WrongValue {
        /// The file.
        path: PathBuf,
        /// Which, and what is right.
        sentence: String,
    },
}

impl BoundsFile {
    /// Reads, checks and freezes the file.
    pub fn read(path: &Path) -> Result<Self, BoundsFileError> {
        let unreadable = |source| BoundsFileError::Unreadable { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        // Of the open file, not of its name: nobody can swap it in between.
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() || !is_roots_alone(about.uid(), about.mode()) {
            return Err(BoundsFileError::NotRootsAlone {
                path: path.to_owned(),
                uid: about.uid(),
                mode: about.mode() & 0o7777,
            });
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(unreadable)?;
        let parsed: Self = toml::from_str(&text).map_err(|source| {
            BoundsFileError::NotUnderstood { path: path.to_owned(), source: Box::new(source) }
        })?;
        parsed.fault().map_or(Ok(()), |sentence| {
            Err(BoundsFileError::WrongValue { path: path.to_owned(), sentence })
        })?;
        Ok(parsed)
    }

    /// The first value that makes no sense, as a sentence.
    fn fault(&self) -> Option<String> {
        let bounds = &self.bounds;
        let wrong = [
            (
                self.socket.is_none() && self.tls.is_none(),
                "neither socket nor [tls] is there: nobody could call",
            ),
            (
                self.socket.is_some() && self.callers.is_empty(),
                "callers is empty: nobody could call over the socket",
            ),
            (
                self.socket.as_ref().is_some_and(|it| !it.is_absolute()),
                "socket must be an absolute path",
            ),
            (self.max_connections == 0, "max_connections must be at least 1"),
            (!self.slurm.conf.is_absolute(), "slurm.conf must be an absolute path"),
            (self.slurm.cluster.is_empty(), "slurm.cluster is empty"),
            (self.slurm.ctl_deadline_ms == 0, "slurm.ctl_deadline_ms must be above 0"),
            (self.slurm.dbd_deadline_ms == 0, "slurm.dbd_deadline_ms must be above 0"),
            (self.slurm.dbd_queries_per_min == 0, "slurm.dbd_queries_per_min must be above 0"),
            (bounds.uid_min < FIRST_PERSON, "bounds.uid_min reaches into the system's users"),
            (bounds.uid_min > bounds.uid_max, "bounds.uid_min is above bounds.uid_max"),
            (
                bounds.account_root.is_empty() || bounds.account_root == "root",
                "bounds.account_root must be an account of the broker's, never Slurm's root",
            ),
            (bounds.partitions.is_empty(), "bounds.partitions is empty: no job could be submitted"),
            (bounds.job_id_min == 0, "bounds.job_id_min must be at least 1"),
            (bounds.job_id_min > bounds.job_id_max, "bounds.job_id_min is above bounds.job_id_max"),
            (bounds.job_id_max >= JOB_ID_LIMIT, "bounds.job_id_max must be below 2^26"),
            (
                !bounds.work_dir_prefix.is_absolute() || bounds.work_dir_prefix == Path::new("/"),
                "bounds.work_dir_prefix must be an absolute path, and not /",
            ),
            (bounds.max_gpus == 0, "bounds.max_gpus must be at least 1"),
            (bounds.max_wall_time_min == 0, "bounds.max_wall_time_min must be at least 1"),
            (bounds.max_tasks == 0, "bounds.max_tasks must be at least 1, which allows no arrays"),
            (bounds.key_prefix.is_empty(), "bounds.key_prefix is empty: every job would be ours"),
            (bounds.qos_prefix.is_empty(), "bounds.qos_prefix is empty: every QOS would be ours"),
            (
                bounds.reservation_prefix.is_empty(),
                "bounds.reservation_prefix is empty: every reservation would be ours",
            ),
            (
                bounds.qos.iter().chain(&bounds.may_preempt).any(String::is_empty),
                "bounds.qos and bounds.may_preempt name QOS: none of them may be empty",
            ),
            (bounds.probe_uid == 0, "bounds.probe_uid must not be root, who passes every door"),
        ];
        let wrong = wrong.iter().find(|(is_wrong, _)| *is_wrong).map(|(_, sentence)| *sentence);
        wrong.or_else(|| self.tls.as_ref()?.fault()).map(ToOwned::to_owned)
    }
}

fn is_roots_alone(uid: u32, mode: u32) -> bool {
    uid == 0 && mode & 0o022 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../docs/bounds.example.toml");

    fn parsed(text: &str) -> BoundsFile {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_example_is_good() {
        assert_eq!(parsed(GOOD).fault(), None);
        assert_eq!(parsed(GOOD).slurm.needs, Need::ALL);
    }

    /// A file of an earlier release gives the broker nothing new.
    #[test]
    fn what_is_not_named_is_not_allowed() {
        let without =
            |line: &str| !["may_", "max_p", "nodes", "max_s"].iter().any(|it| line.starts_with(it));
        let text: Vec<&str> = GOOD.lines().filter(|line| without(line)).collect();
        let bounds = parsed(&text.join("\n")).bounds;
        assert!(bounds.may_preempt.is_empty() && bounds.nodes.is_empty() && !bounds.import);
        assert_eq!((bounds.max_priority, bounds.max_set_aside_nodes), (0, 0));
    }

    #[test]
    fn only_root_may_be_able_to_change_it() {
        assert!(is_roots_alone(0, 0o100_644));
        assert!(is_roots_alone(0, 0o100_600));
        assert!(!is_roots_alone(0, 0o100_664));
        assert!(!is_roots_alone(0, 0o100_646));
        assert!(!is_roots_alone(990, 0o100_600));
    }

    #[test]
    fn a_name_nobody_knows_is_not_ignored() {
        let text = GOOD.replace("[slurm]", "[slurm]\nmessage_timeout = 3");
        assert!(toml::from_str::<BoundsFile>(&text).is_err());
    }

    /// The example's section [tls], whose lines are commented out.
    fn with_tls() -> BoundsFile {
        let commented = GOOD.lines().skip_while(|line| !line.starts_with("# [tls]")).take(6);
        let section: Vec<&str> = commented.map(|line| line.trim_start_matches("# ")).collect();
        parsed(&GOOD.replace("[slurm]", &format!("{}\n[slurm]", section.join("\n"))))
    }

    #[test]
    fn callers_come_by_the_socket_or_by_tls() {
        let mut file = with_tls();
        assert_eq!(file.fault(), None);
        (file.socket, file.callers) = (None, Vec::new());
        assert_eq!(file.fault(), None);
        file.tls.as_mut().unwrap().callers.push("*.example.org".to_owned());
        assert!(file.fault().unwrap().starts_with("tls.callers names callers one by one"));
        file.tls = None;
        assert!(file.fault().unwrap().starts_with("neither socket nor [tls]"));
    }

    #[test]
    fn values_that_open_a_hole_are_refused() {
        type Spoil = fn(&mut BoundsFile);
        let spoiled: [(&str, Spoil); 9] = [
            ("bounds.uid_min reaches", |it| it.bounds.uid_min = 0),
            ("bounds.account_root must", |it| it.bounds.account_root = "root".to_owned()),
            ("bounds.job_id_max must", |it| it.bounds.job_id_max = 1 << 26),
            ("bounds.work_dir_prefix", |it| it.bounds.work_dir_prefix = "/".into()),
            ("bounds.key_prefix", |it| it.bounds.key_prefix.clear()),
            ("bounds.qos_prefix", |it| it.bounds.qos_prefix.clear()),
            ("bounds.reservation_prefix", |it| it.bounds.reservation_prefix.clear()),
            ("bounds.probe_uid", |it| it.bounds.probe_uid = 0),
            ("callers", |it| it.callers.clear()),
        ];
        for (begin, spoil) in spoiled {
            let mut file = parsed(GOOD);
            spoil(&mut file);
            assert!(file.fault().unwrap().starts_with(begin), "{begin}");
        }
    }
}
