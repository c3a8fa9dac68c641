//! Another release of Slurm: a suite of the distribution in a folder, and the gateway built for it.
//!
//! The folder lies under the target folder and is kept between runs. Nothing in it is ever started
//! by its packages, and what is mounted into it is seen only by the command that runs over it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Fault, step};

/// The packages of the suite that the tests use; munged and MariaDB are this machine's.
const PACKAGES: [&str; 7] = [
    "slurmctld",
    "slurmd",
    "slurmdbd",
    "slurm-client",
    "slurm-wlm-basic-plugins",
    "slurm-wlm-mysql-plugin",
    "libslurm-dev",
];

/// The last file written into a complete folder; it lists the packages.
const STAMP: &str = "mimer-complete";

/// What Slurm in the folder must know as this machine does.
const MACHINE_FILES: [&str; 3] = ["hosts", "resolv.conf", "localtime"];

/// A suite of the distribution with its Slurm.
#[derive(Debug)]
pub(crate) struct Release {
    suite: String,
    folder: PathBuf,
}

impl Release {
    /// Makes the folder unless it is there, and builds the gateway for it.
    pub(crate) fn prepare(suite: &str) -> Result<Self, Fault> {
        if !step::is_root() {
            return Err("another Slurm needs root: it lives in a root folder of its own".into());
        }
        if !is_name(suite) {
            return Err(format!("{suite:?} is no suite of Debian; try trixie or sid"));
        }
        let folders = step::target().join("slurm");
        fs::create_dir_all(&folders).map_err(|fault| cannot("make", &folders, &fault))?;
        // Two commands at once would unpack into one folder.
        let lock = folders.join(format!("{suite}.lock"));
        let held = File::create(&lock).and_then(|file| file.lock().map(|()| file));
        let held = held.map_err(|fault| cannot("lock", &lock, &fault))?;
        let release = Self { suite: suite.to_owned(), folder: folders.join(suite) };
        release.unpack()?;
        release.copy_machine_files()?;
        release.build_gateway()?;
        drop(held);
        Ok(release)
    }

    /// A command that is to run while the folder is a whole system.
    pub(crate) fn around(&self, inner: &Command) -> Command {
        let mut command = unshared();
        command.arg("/bin/sh").arg(step::root().join("xtask/src/inside.sh")).arg(&self.folder);
        command.arg(inner.get_program()).args(inner.get_args());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("MIMER_TEST_SLURM", format!("{}:{}", self.suite, self.folder.display()));
        command
    }

    /// The release as people name it: "24.11.5 (trixie)".
    pub(crate) fn name(&self) -> String {
        let said = step::output(Command::new("chroot").arg(&self.folder).args(["slurmctld", "-V"]));
        // "slurm-wlm 24.11.5"
        let number = said.as_deref().and_then(|said| said.split_whitespace().last());
        format!("{} ({})", number.unwrap_or("of an unknown release"), self.suite)
    }

    fn unpack(&self) -> Result<(), Fault> {
        let stamp = self.folder.join(STAMP);
        let wanted = PACKAGES.join(" ");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(());
        }
        let mut remove = Command::new("rm");
        remove.args(["-rf", "--one-file-system", "--"]).arg(&self.folder);
        step::must(remove)?;
        // It mounts /proc inside while it works, and would leave that behind if it were killed.
        let mut bootstrap = unshared();
        bootstrap
            .args(["debootstrap", "--variant=minbase"])
            .arg(format!("--include={}", PACKAGES.join(",")))
            .arg(&self.suite)
            .arg(&self.folder)
            .arg(mirror()?)
            // Its package scripts start nothing at run level 1.
            .env("RUNLEVEL", "1")
            .env("DEBIAN_FRONTEND", "noninteractive");
        step::must(bootstrap)?;
        fs::write(&stamp, wanted).map_err(|fault| cannot("write", &stamp, &fault))
    }

    fn copy_machine_files(&self) -> Result<(), Fault> {
        for file in MACHINE_FILES.map(|name| Path::new("/etc").join(name)) {
            // A machine without one has nothing to tell.
            let Ok(content) = fs::read(&file) else { continue };
            let copy = self.folder.join("etc").join(file.file_name().unwrap_or_default());
            // The suite's own may be a link out of the folder.
            let _absent = fs::remove_file(&copy);
            fs::write(&copy, content).map_err(|fault| cannot("write", &copy, &fault))?;
        }
        Ok(())
    }

    /// Builds the gateway with the folder's headers and library, and puts it inside.
    fn build_gateway(&self) -> Result<(), Fault> {
        let target = step::target().join("slurm").join(format!("{}-build", self.suite));
        let mut build = step::cargo(&["build", "--package", "slurm-ffi", "--bins"]);
        build
            .env("CARGO_TARGET_DIR", &target)
            .env("MIMER_SLURM_INCLUDE", self.folder.join("usr/include"))
            .env("MIMER_SLURM_LIB", self.only_libslurm(&target)?);
        step::must(build)?;
        let programs = self.folder.join("opt/mimer");
        fs::create_dir_all(&programs).map_err(|fault| cannot("make", &programs, &fault))?;
        let (new, installed) = (programs.join("new"), programs.join("mimer-slurm-gateway"));
        // Renamed into place: another run may be running the old one.
        fs::copy(target.join("debug/mimer-slurm-gateway"), &new)
            .and_then(|_bytes| fs::rename(&new, &installed))
            .map_err(|fault| cannot("install", &installed, &fault))
    }

    /// A folder with the suite's libslurm and nothing else that a linker might prefer.
    fn only_libslurm(&self, target: &Path) -> Result<PathBuf, Fault> {
        let found = fs::read_dir(self.folder.join("usr/lib")).into_iter().flatten().flatten();
        let library =
            found.map(|entry| entry.path().join("libslurm.so")).find(|path| path.exists());
        let library = library.ok_or("the suite's libslurm-dev has no libslurm.so")?;
        let folder = target.join("libslurm");
        fs::create_dir_all(&folder).map_err(|fault| cannot("make", &folder, &fault))?;
        let link = folder.join("libslurm.so");
        let _absent = fs::remove_file(&link);
        std::os::unix::fs::symlink(library, &link)
            .map_err(|fault| cannot("make", &link, &fault))?;
        Ok(folder)
    }
}

/// True for the name of a suite, which becomes the name of a folder.
fn is_name(suite: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    suite.starts_with(|first: char| first.is_ascii_lowercase()) && suite.bytes().all(is_plain)
}

/// A command whose mounts nobody else sees; what is to run follows.
fn unshared() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation=private", "--"]);
    command
}

/// The mirror that this machine's own packages come from.
fn mirror() -> Result<String, Fault> {
    let mut targets = Command::new("apt-get");
    targets.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
    targets.args(["Component: main", "Origin: Debian", "Label: Debian"]);
    let listed = step::output(&mut targets).unwrap_or_default();
    let first = listed.lines().next().map(str::to_owned);
    first.ok_or_else(|| {
        "apt knows no mirror of Debian (or has not fetched its lists: run apt-get update)".into()
    })
}

fn cannot(what: &str, path: &Path, fault: &std::io::Error) -> Fault {
    format!("cannot {what} {}: {fault}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_cannot_name_a_folder_elsewhere() {
        assert!(is_name("trixie") && is_name("sid") && is_name("trixie-backports"));
        for name in ["", "../sid", "/", "-x", "a b", "Sid"] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
