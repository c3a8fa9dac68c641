//! The account adapter: which POSIX account a person runs as in a project.
//!
//! One account per person and project, group = project. This adapter reads a TOML file that the
//! site's identity management writes; it is looked at at every use, so a removed line acts at once.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

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
    Ok(listed(file)?.to_vec())
}

/// The list as it was last read.
static LAST: Mutex<Option<Listed>> = Mutex::new(None);

/// A list, and what its file was when it was read.
struct Listed {
    path: PathBuf,
    mark: Mark,
    accounts: Arc<[PosixAccount]>,
}

/// What changes whenever a file is written or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    place: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Mark {
    fn of(about: &Metadata) -> Self {
        Self {
            place: (about.dev(), about.ino()),
            size: about.size(),
            modified: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }
}

/// The list as it is now. A file that has not changed since it was last read is not read again:
/// understanding a list of a thousand accounts takes longer than admitting a job.
fn listed(file: &Path) -> Result<Arc<[PosixAccount]>, AccountError> {
    let unreadable = |error| AccountError::Unreadable(file.to_owned(), error);
    let mut open = File::open(file).map_err(unreadable)?;
    let mark = Mark::of(&open.metadata().map_err(unreadable)?);
    if let Some(last) = &*LAST.lock().unwrap_or_else(PoisonError::into_inner)
        && last.path == file
        && last.mark == mark
    {
        return Ok(Arc::clone(&last.accounts));
    }
    let mut text = String::new();
    open.read_to_string(&mut text).map_err(unreadable)?;
    let accounts: AccountFile = toml::from_str(&text)
        .map_err(|error| AccountError::Malformed(file.to_owned(), error.to_string()))?;
    let accounts: Arc<[PosixAccount]> = accounts.account.into();
    let last = Listed { path: file.to_owned(), mark, accounts: Arc::clone(&accounts) };
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
    Ok(accounts)
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
    listed(file)?
        .iter()
        .find(|account| account.project == project && wanted(account))
        .cloned()
        .ok_or_else(|| AccountError::NoAccount { project: project.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(user: &str) -> String {
        format!(
            "[[account]]\nlogin = 'anna'\nproject = 'stroke'\nuser = '{user}'\nuid = 20001\n\
             gid = 20000\narea = '/srv/stroke'\n"
        )
    }

    #[test]
    fn a_changed_list_acts_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("accounts.toml");
        std::fs::write(&file, line("one")).unwrap();
        assert_eq!(find(&file, "anna", "stroke").unwrap().user, "one");
        assert_eq!(find(&file, "anna", "stroke").unwrap().user, "one");
        // Replaced as identity management does it: written beside, then renamed over.
        let beside = dir.path().join("accounts.new");
        std::fs::write(&beside, line("two")).unwrap();
        std::fs::rename(&beside, &file).unwrap();
        assert_eq!(find(&file, "anna", "stroke").unwrap().user, "two");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(find(&file, "anna", "stroke"), Err(AccountError::NoAccount { .. })));
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(find(&file, "anna", "stroke"), Err(AccountError::Unreadable(..))));
    }
}
