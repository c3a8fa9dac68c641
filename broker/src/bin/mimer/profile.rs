//! Who a person is to which server: the file `client.toml`, one profile per identity.
//!
//! It holds access keys, so it is only ever written with mode 0600 and not read with a wider one.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One identity. It has no `Debug`, so that its key cannot slip into a log.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// Address of mimerd, as `https://broker.example.se`.
    pub(crate) server: String,
    /// PEM file of the authorities to trust; `None` for this machine's.
    pub(crate) ca_file: Option<PathBuf>,
    /// The access key.
    pub(crate) key: String,
}

/// Where the profiles are kept, and which one is meant.
pub(crate) struct ProfileStore {
    /// The file.
    pub(crate) file: PathBuf,
    /// Name of the profile.
    pub(crate) name: String,
}

/// Why a profile could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// Never logged in.
    #[error(
        "you are not logged in as profile `{0}` on this machine; `mimer login --server URL` logs \
         in, and `--profile NAME` chooses another"
    )]
    NotLoggedIn(String),
    /// Neither given nor known.
    #[error("profile `{0}` has no server yet; name it with `--server https://…`")]
    NoServer(String),
    /// Something else than https.
    #[error(
        "`{0}` is not a server's address; write https:// and the name, as https://127.0.0.1:8443"
    )]
    BadServer(String),
    /// A key that no header can carry.
    #[error("that is not an access key; copy the key as it was shown, on one line")]
    BadKey,
    /// Neither HOME nor XDG_CONFIG_HOME.
    #[error("neither HOME nor XDG_CONFIG_HOME is set, so there is no place for client.toml")]
    NoHome,
    /// Others could read the keys.
    #[error("{} can be read by others; do `chmod 600` on it and ask for a new key", .0.display())]
    OpenToOthers(PathBuf),
    /// Not the TOML that was written.
    #[error("{} cannot be read ({cause}); mend it, or remove it and log in again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where it differs.
        cause: Box<toml::de::Error>,
    },
    /// The TOML could not be written.
    #[error("writing the profiles as TOML failed: {0}")]
    Unwritable(#[from] toml::ser::Error),
    /// The file system failed.
    #[error("{}: {cause}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

impl ProfileError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NotLoggedIn(_) => "not_logged_in_here",
            Self::NoServer(_) => "no_server",
            Self::BadServer(_) => "bad_server",
            Self::BadKey => "bad_key",
            Self::NoHome => "no_home",
            Self::OpenToOthers(_) => "profiles_open_to_others",
            Self::Malformed { .. } => "profiles_malformed",
            Self::Unwritable(_) | Self::Disk { .. } => "profiles_not_kept",
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Profiles {
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
}

impl ProfileStore {
    /// The profile; it must have been kept before.
    pub(crate) fn get(&self) -> Result<Profile, ProfileError> {
        self.find()?.ok_or_else(|| ProfileError::NotLoggedIn(self.name.clone()))
    }

    /// The profile, if it was kept before.
    pub(crate) fn find(&self) -> Result<Option<Profile>, ProfileError> {
        Ok(self.read()?.profile.remove(&self.name))
    }

    /// Keeps the profile instead of what was kept under its name.
    pub(crate) fn keep(&self, profile: &Profile) -> Result<(), ProfileError> {
        let mut profiles = self.read()?;
        profiles.profile.insert(self.name.clone(), profile.clone());
        self.write(&profiles)
    }

    /// Forgets the profile and says whether there was one.
    pub(crate) fn forget(&self) -> Result<bool, ProfileError> {
        let mut profiles = self.read()?;
        let known = profiles.profile.remove(&self.name).is_some();
        if known {
            self.write(&profiles)?;
        }
        Ok(known)
    }

    fn read(&self) -> Result<Profiles, ProfileError> {
        let disk = |cause| ProfileError::Disk { path: self.file.clone(), cause };
        let file = match File::open(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Profiles::default());
            }
            opened => opened.map_err(disk)?,
        };
        if file.metadata().map_err(disk)?.mode() & 0o077 != 0 {
            return Err(ProfileError::OpenToOthers(self.file.clone()));
        }
        let text = io::read_to_string(file).map_err(disk)?;
        toml::from_str(&text).map_err(|cause| ProfileError::Malformed {
            path: self.file.clone(),
            cause: Box::new(cause),
        })
    }

    /// Writes beside the file and renames, so that a crash leaves the old one whole.
    fn write(&self, profiles: &Profiles) -> Result<(), ProfileError> {
        let text = toml::to_string(profiles)?;
        let beside = self.file.with_extension(format!("toml.{}", std::process::id()));
        let written = write_private(&self.file, &beside, &text);
        if written.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&beside);
        }
        written.map_err(|cause| ProfileError::Disk { path: self.file.clone(), cause })
    }
}

fn write_private(file: &Path, beside: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    fs::rename(beside, file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn store(directory: &Path, name: &str) -> ProfileStore {
        ProfileStore { file: directory.join("mimer/client.toml"), name: name.to_owned() }
    }

    fn profile(key: &str) -> Profile {
        Profile { server: "https://broker".to_owned(), ca_file: None, key: key.to_owned() }
    }

    #[test]
    fn profiles_live_side_by_side_in_a_private_file() {
        let directory = tempfile::tempdir().unwrap();
        let (anna, bo) = (store(directory.path(), "anna"), store(directory.path(), "bo"));
        anna.keep(&profile("key-a")).unwrap();
        bo.keep(&profile("key-b")).unwrap();
        assert_eq!(anna.get().unwrap().key, "key-a");
        assert_eq!(fs::metadata(&anna.file).unwrap().mode() & 0o777, 0o600);
        assert!(bo.forget().unwrap());
        assert!(matches!(bo.get(), Err(ProfileError::NotLoggedIn(_))));
        assert_eq!(anna.get().unwrap().key, "key-a");
    }

    #[test]
    fn a_file_that_others_can_read_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let anna = store(directory.path(), "anna");
        anna.keep(&profile("key")).unwrap();
        fs::set_permissions(&anna.file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(anna.get(), Err(ProfileError::OpenToOthers(_))));
    }

    #[test]
    fn a_malformed_file_is_named_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let anna = store(directory.path(), "anna");
        anna.keep(&profile("key")).unwrap();
        fs::write(&anna.file, "not toml").unwrap();
        assert!(matches!(anna.keep(&profile("new")), Err(ProfileError::Malformed { .. })));
        assert_eq!(fs::read_to_string(&anna.file).unwrap(), "not toml");
    }
}
