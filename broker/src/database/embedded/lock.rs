//! Who owns the private PostgreSQL: one process, by a lock that the kernel frees at its death.

use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context;

/// What the owner writes once its server stays up: others may join.
const SERVING: &str = "serving\n";

/// How long the caller needs the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stay {
    /// Until it is told to stop; others may join it.
    Serve,
    /// For one command; others wait until it has ended.
    Once,
}

/// The caller's place.
#[derive(Debug)]
pub(super) enum Claim {
    /// It starts the server and ends it.
    Owner(OwnerLock),
    /// It joins the server of a mimerd that serves.
    Guest,
}

/// The right to start and end a server in one directory, until this is dropped.
#[derive(Debug)]
pub(super) struct OwnerLock(File);

impl OwnerLock {
    /// Lets one-off commands join.
    pub(super) fn tell_serving(&mut self) -> anyhow::Result<()> {
        self.0.write_all(SERVING.as_bytes()).context("writing the owner's lock file")
    }
}

/// Tries once; `None` means that the caller must wait.
pub(super) fn claim(dir: &Path, stay: Stay) -> anyhow::Result<Option<Claim>> {
    let path = dir.join("owner.lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).with_context(|| format!("emptying {}", path.display()))?;
            Ok(Some(Claim::Owner(OwnerLock(file))))
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text)
                .with_context(|| format!("reading {}", path.display()))?;
            Ok((stay == Stay::Once && text == SERVING).then_some(Claim::Guest))
        }
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("locking {}", path.display()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_joins_a_mimerd_that_serves_and_waits_for_another_command() {
        let dir = tempfile::tempdir().unwrap();
        let Some(Claim::Owner(mut owner)) = claim(dir.path(), Stay::Once).unwrap() else {
            panic!("nobody else was there");
        };
        assert!(claim(dir.path(), Stay::Once).unwrap().is_none());
        owner.tell_serving().unwrap();
        assert!(matches!(claim(dir.path(), Stay::Once).unwrap(), Some(Claim::Guest)));
        assert!(claim(dir.path(), Stay::Serve).unwrap().is_none(), "two would serve");
        drop(owner);
        let again = claim(dir.path(), Stay::Serve).unwrap();
        assert!(matches!(again, Some(Claim::Owner(_))), "the owner is gone");
        assert!(claim(dir.path(), Stay::Once).unwrap().is_none(), "the new one is not up yet");
    }
}
