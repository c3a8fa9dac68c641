//! Which Slurm a cluster is of: this machine's, or another release in a folder with its own root.
//!
//! `cargo xtask test --slurm SUITE` makes such a folder, binds /dev, /proc, /sys and /tmp into it
//! for the length of the run, and names it in one variable, which is read here and nowhere else.
//! Slurm's daemons, Slurm's commands and the gateway then run inside; munged and MariaDB stay this
//! machine's. The cluster's directory lies under /tmp, so it has the same path on both sides.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::site;

/// `SUITE:FOLDER`, for a whole run of the tests.
const VARIABLE: &str = "MIMER_TEST_SLURM";

/// By its full path: callers clear the environment, and root's folder is not on every PATH.
const CHROOT: &str = "/usr/sbin/chroot";

/// The gateway that was built for the release, inside its folder.
const GATEWAY: &str = "/opt/mimer/mimer-slurm-gateway";

/// What Slurm looks users up in.
const USER_FILES: [&str; 2] = ["passwd", "group"];

/// Where Slurm's programs come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// The packages of this machine.
    Host,
    /// Another suite of the distribution, in a folder.
    Folder {
        /// The suite's name, as "trixie".
        suite: String,
        /// The folder that is its root.
        dir: PathBuf,
    },
}

impl Release {
    /// The one that this run of the tests is for.
    pub fn of_this_run() -> Self {
        #[expect(clippy::disallowed_methods, reason = "xtask tells a whole run of tests this way")]
        let named = std::env::var(VARIABLE);
        named.map_or(Self::Host, |named| {
            let (suite, dir) = named.split_once(':').unwrap_or((&named, ""));
            Self::Folder { suite: suite.to_owned(), dir: dir.into() }
        })
    }

    /// True if the release is newer than the machine's.
    pub fn is_newer(&self) -> bool {
        *self != Self::Host
    }

    /// A program of the release, or of the system that it is installed on.
    pub(crate) fn command(&self, program: &str) -> Command {
        match self {
            Self::Host => Command::new(program),
            Self::Folder { dir, .. } => {
                let mut command = Command::new(CHROOT);
                command.arg(dir).arg(program);
                command
            }
        }
    }

    /// The gateway that was built against the release.
    pub fn gateway(&self) -> Result<Command> {
        match self {
            Self::Host => Ok(Command::new(site::program("mimer-slurm-gateway")?)),
            Self::Folder { .. } => Ok(self.command(GATEWAY)),
        }
    }

    /// Fails with what to do when the release cannot be run.
    pub(crate) fn check(&self) -> Result<()> {
        let Self::Folder { suite, dir } = self else { return Ok(()) };
        let remedy = format!("run the tests by `cargo xtask test --slurm {suite}`");
        for program in [GATEWAY, "/usr/sbin/slurmctld"] {
            let file = within(dir, program);
            ensure!(file.exists(), "{} is missing: {remedy}", file.display());
        }
        let mounted = within(dir, "/proc/self");
        ensure!(mounted.exists(), "nothing is mounted in {}: {remedy}", dir.display());
        self.share_users()
    }

    /// Gives the release the users of this machine; again whenever one was made.
    pub(crate) fn share_users(&self) -> Result<()> {
        let Self::Folder { dir, .. } = self else { return Ok(()) };
        for file in USER_FILES {
            let content = fs::read(Path::new("/etc").join(file))?;
            let copy = dir.join("etc").join(file);
            if fs::read(&copy).is_ok_and(|copied| copied == content) {
                continue;
            }
            // Renamed into place, so that nobody reads half a list.
            let new = tempfile::NamedTempFile::new_in(dir.join("etc"))?;
            fs::write(&new, content)?;
            fs::set_permissions(&new, fs::metadata(Path::new("/etc").join(file))?.permissions())?;
            new.persist(&copy).with_context(|| format!("writing {}", copy.display()))?;
        }
        Ok(())
    }
}

/// Where a path of the release lies for us.
fn within(dir: &Path, path: &str) -> PathBuf {
    dir.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_in_a_folder_runs_with_that_folder_as_its_root() {
        let release = Release::Folder { suite: "trixie".into(), dir: "/srv/trixie".into() };
        let command = release.command("slurmctld");
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(
            (command.get_program().to_str(), words.as_slice()),
            (Some(CHROOT), &["/srv/trixie".as_ref(), "slurmctld".as_ref()][..])
        );
    }

    #[test]
    fn a_folder_without_slurm_is_refused_with_the_command_that_makes_it() {
        let empty = tempfile::tempdir().unwrap();
        let release = Release::Folder { suite: "trixie".into(), dir: empty.path().into() };
        let fault = release.check().unwrap_err().to_string();
        assert!(fault.ends_with("`cargo xtask test --slurm trixie`"), "{fault}");
    }
}
