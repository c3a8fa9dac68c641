//! The account adapter: which POSIX account a person runs as in a project.
//!
//! One account per person and project, group = project. This adapter reads a TOML file that the
//! site's identity management writes; it is read at every use, so a removed line acts at once.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// One POSIX account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PosixAccount {
    /// Login of the person in the broker.
    pub login: String,
    /// Slug of the project.
    pub project: String,
    /// POSIX user name.
    pub user: String,
    /// POSIX user id.
    pub uid: u32,
    /// POSIX group id: the project's.
    pub gid: u32,
    /// The project's area: `work/` is the user's, `data/` is where verified data lands.
    pub area: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountFile {
    #[serde(default)]
    account: Vec<PosixAccount>,
}

/// Why an account was not found.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The file is missing or unreadable.
    #[error("the account list {0} cannot be read")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// The file is not as it should be.
    #[error("the account list {0} is not valid: {1}")]
    Malformed(PathBuf, String),
    /// The person has no account in this project.
    #[error(
        "there is no POSIX account for this person in project {project}: ask the operator to \
         make one, then send the plan again"
    )]
    NoAccount {
        /// Slug of the project.
        project: String,
    },
}

/// Finds the account of `login` in `project`.
pub fn find(file: &Path, login: &str, project: &str) -> Result<PosixAccount, AccountError> {
    first(file, project, |account| account.login == login)
}

/// Every account of the list.
pub fn all(file: &Path) -> Result<Vec<PosixAccount>, AccountError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| AccountError::Unreadable(file.to_owned(), error))?;
    let accounts: AccountFile = toml::from_str(&text)
        .map_err(|error| AccountError::Malformed(file.to_owned(), error.to_string()))?;
    Ok(accounts.account)
}

/// Any account of the project: they share the area and the group.
pub fn any_of(file: &Path, project: &str) -> Result<PosixAccount, AccountError> {
    first(file, project, |_| true)
}

fn first(
    file: &Path,
    project: &str,
    wanted: impl Fn(&PosixAccount) -> bool,
) -> Result<PosixAccount, AccountError> {
    all(file)?
        .into_iter()
        .find(|account| account.project == project && wanted(account))
        .ok_or_else(|| AccountError::NoAccount { project: project.to_owned() })
}
