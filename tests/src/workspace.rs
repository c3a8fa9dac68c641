//! A directory of one's own under `/tmp`, removed at the end whatever happens.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::guard;

/// Longest directory that leaves room for a socket name within the 108 bytes of `sun_path`.
const LONGEST_BYTES: usize = 60;

/// A directory that other users may enter, because jobs run as them.
#[derive(Debug)]
pub struct Workspace {
    dir: PathBuf,
}

impl Workspace {
    /// Makes `/tmp/mimer-KIND-XXXXXX`.
    pub fn create(kind: &str) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix(&format!("mimer-{kind}-"))
            .tempdir_in("/tmp")
            .context("making a directory under /tmp")?
            .keep();
        Self::open(dir)
    }

    /// Makes the directory `dir`, which must not exist or be empty.
    pub fn create_at(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        let dir = dir.canonicalize().with_context(|| format!("finding {}", dir.display()))?;
        ensure!(
            fs::read_dir(&dir)?.next().is_none(),
            "{} is not empty: name a directory that does not exist yet",
            dir.display()
        );
        Self::open(dir)
    }

    fn open(dir: PathBuf) -> Result<Self> {
        ensure!(
            dir.as_os_str().len() <= LONGEST_BYTES,
            "{} is too long: sockets in it would pass the 108 bytes that Linux allows",
            dir.display()
        );
        ensure!(
            !dir.to_string_lossy().contains(char::is_whitespace),
            "{} holds white space, which Slurm's files do not allow",
            dir.display()
        );
        fs::set_permissions(&dir, Permissions::from_mode(0o755))?;
        guard::watch_dir(&dir)?;
        Ok(Self { dir })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Makes a directory inside with the given mode and returns its path.
    pub fn make_dir(&self, name: &str, mode: u32) -> Result<PathBuf> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
        fs::set_permissions(&dir, Permissions::from_mode(mode))?;
        Ok(dir)
    }

    /// Writes a file inside with the given mode and returns its path.
    pub fn write(&self, name: &str, mode: u32, content: impl AsRef<[u8]>) -> Result<PathBuf> {
        let file = self.dir.join(name);
        fs::write(&file, content).with_context(|| format!("writing {}", file.display()))?;
        fs::set_permissions(&file, Permissions::from_mode(mode))?;
        Ok(file)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // Twice: a daemon that is just ending may still write a last file. What then remains is
        // left to the guard.
        if fs::remove_dir_all(&self.dir).is_ok() || fs::remove_dir_all(&self.dir).is_ok() {
            guard::forget_dir(&self.dir);
        }
    }
}
