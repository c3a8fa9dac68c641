//! Environments: secure processing environments that data comes from, ours or somebody else's.
//!
//! An environment is data, not code. It says where its SFTP door is, which key signs its manifests,
//! and which classes of projects it serves. It is never changed; a new address or key is a new
//! environment, because a link must always mean what it meant when it was opened.

use quotas::project::DataClass;
use uuid::Uuid;

use crate::signature::ManifestKey;
use crate::transfer::{is_host, is_plain_absolute, is_user};

pub use crate::store::environment::{by_id, by_name, create, list};

/// A secure processing environment.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Environment {
    /// Its id.
    pub environment_id: Uuid,
    /// Its name, as permits write it.
    pub name: String,
    /// Who runs it.
    pub operator: String,
    /// Who answers for it.
    pub host_organisation: String,
    /// Where data is fetched.
    pub sftp: SftpAddress,
    /// The key its manifests are signed with.
    pub manifest_key: ManifestKey,
    /// The classes of projects it gives data to.
    pub data_classes: Vec<DataClass>,
}

/// Where an environment's SFTP server is, and what of it is ours to read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SftpAddress {
    /// Host name or IPv4 address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The broker's account there.
    pub user: String,
    /// Absolute directory that all datasets lie under.
    pub root: String,
}

/// A request to make an environment known.
#[derive(Clone, Debug)]
pub struct NewEnvironment {
    /// Chosen by the client.
    pub environment_id: Uuid,
    /// Its name, as permits write it.
    pub name: String,
    /// Who runs it.
    pub operator: String,
    /// Who answers for it.
    pub host_organisation: String,
    /// Where data is fetched.
    pub sftp: SftpAddress,
    /// The key its manifests are signed with.
    pub manifest_key: ManifestKey,
    /// The classes of projects it gives data to.
    pub data_classes: Vec<DataClass>,
}

/// Why an environment was not made known.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The id belongs to another environment.
    #[error("environment id {0} was used before for a different environment; choose a new id")]
    EnvironmentIdReused(Uuid),
    /// The name belongs to another environment.
    #[error("an environment named {0} is known already; choose another name")]
    EnvironmentNameTaken(String),
    /// Something in it is not usable.
    #[error("environment {environment_id} is not usable: {what}")]
    EnvironmentUnusable {
        /// Which.
        environment_id: Uuid,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The database failed.
    #[error("reading or writing environments")]
    Database(#[from] sqlx::Error),
}

impl EnvironmentError {
    /// Stable code for the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EnvironmentIdReused(_) => "environment_id_reused",
            Self::EnvironmentNameTaken(_) => "environment_name_taken",
            Self::EnvironmentUnusable { .. } => "environment_unusable",
            Self::Database(_) => "internal",
        }
    }
}

impl NewEnvironment {
    /// Refuses what could not be reached safely.
    pub(crate) fn check(&self) -> Result<(), EnvironmentError> {
        let environment_id = self.environment_id;
        let refuse = |what| Err(EnvironmentError::EnvironmentUnusable { environment_id, what });
        if self.name.trim().is_empty() {
            return refuse("it needs a name, as permits write it");
        }
        if !is_host(&self.sftp.host) {
            return refuse("the host must be a host name or an IPv4 address");
        }
        if self.sftp.port == 0 {
            return refuse("the port must be between 1 and 65535");
        }
        if !is_user(&self.sftp.user) {
            return refuse("the user must be a plain account name");
        }
        if !is_plain_absolute(&self.sftp.root) {
            return refuse("the root must be an absolute path without `..` or quotes");
        }
        if self.data_classes.is_empty() {
            return refuse("it must serve at least one class of projects");
        }
        Ok(())
    }
}
