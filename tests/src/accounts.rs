//! The POSIX users that jobs run as: one per person and project, made with `useradd`.
//!
//! Names and uids are fixed, so that making them again changes nothing and several clusters on one
//! machine share them. They stay on the machine; they own nothing and cannot log in.

use std::fs::File;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::slurm::Release;

/// Project users have this uid plus their number.
const FIRST_UID: u32 = 61_000;

/// How many project users there are.
const MOST: u32 = 99;

/// Held while an account is made: `useradd` fails rather than waits when two run at once.
const LOCK_FILE: &str = "/tmp/mimer-testbed-accounts.lock";

/// A POSIX user without home or shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PosixUser {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group, of the same name and number: the project's.
    pub gid: u32,
}

impl PosixUser {
    /// The project user `mimer-pN` with uid 61000 + N, made if it is not there; N is 1 to 99.
    pub fn project(number: u32) -> Result<Self> {
        ensure!((1..=MOST).contains(&number), "project users are numbered 1 to {MOST}");
        Self::ensure(&format!("mimer-p{number}"), FIRST_UID + number)
    }

    /// The user `mimer-research`, who has nothing to do with the broker.
    pub(crate) fn researcher() -> Result<Self> {
        Self::ensure("mimer-research", FIRST_UID + MOST + 2)
    }

    /// The user `mimer-spe` that the SFTP store lets in.
    pub(crate) fn environment() -> Result<Self> {
        Self::ensure("mimer-spe", FIRST_UID + MOST + 1)
    }

    fn ensure(name: &str, uid: u32) -> Result<Self> {
        let user = Self { name: name.into(), uid, gid: uid };
        let lock = File::options().create(true).append(true).open(LOCK_FILE)?;
        lock.lock().with_context(|| format!("locking {LOCK_FILE}"))?;
        let id = uid.to_string();
        match lookup("group", name)? {
            Some(found) => ensure!(found == id, "the group {name} exists with gid {found}"),
            None => run("groupadd", &["--gid", &id, name])?,
        }
        match lookup("passwd", name)? {
            Some(found) => ensure!(found == id, "the user {name} exists with uid {found}"),
            None => run(
                "useradd",
                // The password `*` lets nobody in by password, yet sshd does not call the account
                // locked, as it would with useradd's own `!`.
                &[
                    "--uid",
                    &id,
                    "--gid",
                    &id,
                    "--no-create-home",
                    "--home-dir",
                    "/nonexistent",
                    "--shell",
                    "/usr/sbin/nologin",
                    "--password",
                    "*",
                    "--key",
                    "UID_MAX=61999",
                    "--comment",
                    "Mimer Broker testbed",
                    name,
                ],
            )?,
        }
        Release::of_this_run().share_users()?;
        Ok(user)
    }

    /// A command that runs `program` as this user, with only PATH and LANG in its environment.
    pub fn command(&self, program: &str) -> Command {
        self.command_in(&Release::Host, program)
    }

    /// The same on the system that a release of Slurm is installed on.
    pub(crate) fn command_in(&self, release: &Release, program: &str) -> Command {
        let mut command = release.command("setpriv");
        command
            .arg(format!("--reuid={}", self.uid))
            .arg(format!("--regid={}", self.gid))
            .args(["--clear-groups", "--", program])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .current_dir("/");
        command
    }
}

/// The number that `getent` knows for a name, in `passwd` or `group`.
fn lookup(database: &str, name: &str) -> Result<Option<String>> {
    let answer =
        Command::new("getent").args([database, name]).output().context("running getent")?;
    match answer.status.code() {
        Some(0) => {
            let line = String::from_utf8_lossy(&answer.stdout);
            Ok(line.split(':').nth(2).map(|id| id.trim().to_owned()))
        }
        Some(2) => Ok(None),
        _ => bail!("getent {database} {name} failed ({})", answer.status),
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let answer = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("running {program}; the testbed needs root to make users"))?;
    ensure!(
        answer.status.success(),
        "{program} {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&answer.stderr).trim()
    );
    Ok(())
}
