//! Orders: everything a transfer needs to know, and nothing it could look up.
//!
//! `mimer-mover` has no database and reads no settings; an order is all it gets. The keys it names are
//! files the mover may read, never contents.

use std::path::PathBuf;

use uuid::Uuid;

use crate::environment::Environment;
use crate::link::Link;
use crate::manifest::Bounds;
use crate::signature::ManifestKey;

use super::TransferError;

/// What to fetch, from where, to where, and within which bounds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Chosen by the broker: one per try.
    pub transfer_id: Uuid,
    /// The link the data comes through.
    pub link_id: Uuid,
    /// How to reach the source.
    pub endpoint: Endpoint,
    /// Absolute directory at the source that holds `manifest.json`.
    pub source_dir: String,
    /// Environment the manifest must be for.
    pub environment: String,
    /// Dataset the manifest must be for.
    pub dataset: String,
    /// Key the manifest must be signed with.
    pub manifest_key: ManifestKey,
    /// What the link lets through.
    pub bounds: Bounds,
    /// Absolute directory of the project that the files end up in.
    pub area: PathBuf,
    /// Group of the project: it may read the files, and nobody else but the mover may.
    pub gid: u32,
    /// How fast to ask and when to give up.
    pub limits: Limits,
}

/// Where the source is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Endpoint {
    /// An SFTP server behind SSH.
    Ssh {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// Account at the source.
        user: String,
        /// File with the private key that logs in.
        identity_file: PathBuf,
        /// File with the host keys that are trusted; an unknown host is refused.
        known_hosts_file: PathBuf,
    },
    /// For tests only: an `sftp-server` program started directly, without SSH and without login.
    LocalServer {
        /// The program, `/usr/lib/openssh/sftp-server` on Debian.
        path: PathBuf,
    },
}

/// How large a batch is, how often the permit is asked again, and when to give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Bytes moved between two questions to the gate; rounded up to whole chunks.
    pub batch_bytes: u64,
    /// The gate is asked at least this often while a batch runs.
    pub ask_every_ms: u64,
    /// The whole transfer is given up after this.
    pub deadline_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { batch_bytes: 1024 * 1024 * 1024, ask_every_ms: 20_000, deadline_s: 24 * 3600 }
    }
}

/// What an order needs that neither the link nor the environment knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoverSite {
    /// File with the private key the mover logs in with.
    pub identity_file: PathBuf,
    /// File with the host keys it trusts.
    pub known_hosts_file: PathBuf,
    /// Group of the project.
    pub gid: u32,
    /// Usually [`Limits::default`].
    pub limits: Limits,
}

impl Order {
    /// The order of one try to fetch `link` from `environment`.
    pub fn new(transfer_id: Uuid, link: &Link, environment: &Environment, site: MoverSite) -> Self {
        let sftp = &environment.sftp;
        Self {
            transfer_id,
            link_id: link.link_id,
            endpoint: Endpoint::Ssh {
                host: sftp.host.clone(),
                port: sftp.port,
                user: sftp.user.clone(),
                identity_file: site.identity_file,
                known_hosts_file: site.known_hosts_file,
            },
            source_dir: format!("{}/{}", sftp.root.trim_end_matches('/'), link.source_path),
            environment: environment.name.clone(),
            dataset: link.dataset.clone(),
            manifest_key: environment.manifest_key,
            bounds: link.bounds.clone(),
            area: link.area.clone(),
            gid: site.gid,
            limits: site.limits,
        }
    }

    /// Refuses an order that could do harm before anything is started.
    pub(super) fn check(&self) -> Result<(), TransferError> {
        let refuse = |what| Err(TransferError::BadOrder { transfer_id: self.transfer_id, what });
        if !is_plain_absolute(&self.source_dir) {
            return refuse("source_dir must be an absolute path without `..` or quotes");
        }
        if !self.area.to_str().is_some_and(is_plain_absolute) {
            return refuse("area must be an absolute path without `..` or quotes");
        }
        if self.limits.batch_bytes == 0
            || self.limits.ask_every_ms == 0
            || self.limits.deadline_s == 0
        {
            return refuse("limits must be above zero");
        }
        if let Endpoint::Ssh { host, user, identity_file, known_hosts_file, .. } = &self.endpoint {
            if !is_host(host) || !is_user(user) {
                return refuse("host or user has a character that is not allowed there");
            }
            if !identity_file.is_absolute() || !known_hosts_file.is_absolute() {
                return refuse("the key file and the known-hosts file must be absolute paths");
            }
        }
        Ok(())
    }
}

/// Whether the text is an absolute path that can be quoted in a script of `sftp`.
pub(crate) fn is_plain_absolute(text: &str) -> bool {
    let odd = |c: char| c.is_control() || c == '"' || c == '\\';
    text.starts_with('/') && !text.contains(odd) && text.split('/').all(|name| name != "..")
}

/// Whether the text is a host name or an IPv4 address and cannot be read as an option of `ssh`.
pub(crate) fn is_host(text: &str) -> bool {
    is_word(text, ".-") && text.len() <= 253
}

/// Whether the text is a plain account name and cannot be read as an option of `ssh`.
pub(crate) fn is_user(text: &str) -> bool {
    is_word(text, "._-") && text.len() <= 64
}

fn is_word(text: &str, also: &str) -> bool {
    let first = text.chars().next().is_some_and(|first| first.is_ascii_alphanumeric());
    first && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_or_user_that_ssh_would_read_as_an_option_is_refused() {
        assert!(is_host("sftp.vesta.example") && is_host("127.0.0.1") && is_user("mimer_in"));
        for text in ["", "-oProxyCommand=x", "a b", "a:b", "a@b", "a/b"] {
            assert!(!is_host(text) && !is_user(text), "{text}");
        }
    }
}
