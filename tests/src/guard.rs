//! The guard: a small shell process that cleans up when this process dies without doing so.
//!
//! `Drop` does not run on SIGKILL or an abort. The guard reads a pipe whose other end lives here,
//! so it notices any death, ends the daemons that were not ended and removes their directories.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

/// What the guard does; see the comments in the file.
const SCRIPT: &str = include_str!("guard.sh");

struct Guard {
    lines: ChildStdin,
    /// Kept so that the guard is waited for by nobody but init, after this process is gone.
    _process: Child,
}

static GUARD: Mutex<Option<Guard>> = Mutex::new(None);

/// Tells the guard to end the process group that `pid` leads, should this process die.
pub(crate) fn watch_pid(pid: u32) -> Result<()> {
    tell(&format!("pid {pid}"))
}

/// The process group was ended properly.
pub(crate) fn forget_pid(pid: u32) {
    // A guard that cannot be told only kills a group that is already gone.
    let _told = tell(&format!("gone {pid}"));
}

/// Tells the guard to remove `dir` and end the Slurm jobs in it, should this process die.
pub(crate) fn watch_dir(dir: &Path) -> Result<()> {
    tell(&format!("dir {}", dir.display()))
}

/// The directory was removed, or is to be kept.
pub(crate) fn forget_dir(dir: &Path) {
    let _told = tell(&format!("left {}", dir.display()));
}

fn tell(line: &str) -> Result<()> {
    let mut guard = GUARD.lock().unwrap_or_else(PoisonError::into_inner);
    let guard = match &mut *guard {
        Some(guard) => guard,
        none => none.insert(start()?),
    };
    writeln!(guard.lines, "{line}").context("telling the guard what to clean up")
}

fn start() -> Result<Guard> {
    let mut process = Command::new("/bin/sh")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .process_group(0)
        .spawn()
        .context("starting /bin/sh as the guard")?;
    let lines = process.stdin.take().context("the guard has no standard input")?;
    Ok(Guard { lines, _process: process })
}
