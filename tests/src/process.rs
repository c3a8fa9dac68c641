//! Reading `/proc`: who descends from whom, and which processes belong to one cluster.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal};

/// One process, told apart from a later one with the same pid by its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    parent: i32,
    started_ticks: u64,
}

impl Process {
    /// Reads one process; `None` when it is gone or only a zombie.
    fn read(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in brackets and may hold anything, so fields are counted after it.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        if *fields.first()? == "Z" {
            return None;
        }
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            started_ticks: fields.get(19)?.parse().ok()?,
        })
    }

    /// True while this very process is there.
    pub(crate) fn is_alive(self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.started_ticks == self.started_ticks)
    }

    /// Ends it at once, if it is still this very process.
    pub(crate) fn kill(self) {
        if self.is_alive()
            && let Some(pid) = Pid::from_raw(self.pid)
        {
            // The only failure is that it went away meanwhile, which is what was wanted.
            let _gone = rustix::process::kill_process(pid, Signal::KILL);
        }
    }

    /// True if its command line begins with `name`.
    pub(crate) fn is_called(self, name: &str) -> bool {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        line.split(|byte| *byte == 0).next() == Some(name.as_bytes())
    }

    /// True if an open file of the process lies under `dir`, also where another root has it too.
    fn has_open_file_under(self, dir: &Path) -> bool {
        let Ok(files) = fs::read_dir(format!("/proc/{}/fd", self.pid)) else { return false };
        let inside = format!("{}/", dir.display());
        files.flatten().any(|file| {
            let target = fs::read_link(file.path());
            target.is_ok_and(|target| target.to_string_lossy().contains(&inside))
        })
    }

    /// True for slurmstepd under any of its names; Debian's is `slurmstepd-wlm`.
    fn is_step(self) -> bool {
        let Ok(exe) = fs::read_link(format!("/proc/{}/exe", self.pid)) else { return false };
        exe.file_name().is_some_and(|name| name.to_string_lossy().starts_with("slurmstepd"))
    }

    /// True for a Slurm job of the cluster whose slurm.conf lies in `dir`.
    fn is_job_of(self, dir: &Path) -> bool {
        let Ok(environ) = fs::read(format!("/proc/{}/environ", self.pid)) else { return false };
        let conf = format!("SLURM_CONF={}/", dir.display());
        let mut variables = environ.split(|byte| *byte == 0);
        variables.clone().any(|variable| variable.starts_with(conf.as_bytes()))
            && variables.any(|variable| variable.starts_with(b"SLURM_JOB_ID="))
    }
}

/// Every process of the machine that is not a zombie.
fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .collect()
}

/// Adds to `found` every process that descends from one of them.
fn with_descendants(mut found: Vec<Process>, all: &[Process]) -> Vec<Process> {
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|process| process.pid) {
        found.extend(all.iter().filter(|process| process.parent == parent));
        next += 1;
    }
    found
}

/// Every living descendant of `pid`, itself not included.
pub(crate) fn descendants(pid: i32) -> Vec<Process> {
    let all = all();
    let children = all.iter().copied().filter(|process| process.parent == pid).collect();
    with_descendants(children, &all)
}

/// The steps and jobs of the Slurm cluster in `dir` that outlive their slurmd.
///
/// slurmstepd leaves slurmd's session and process group on purpose and wipes its environment, but
/// it keeps the node's log file open. A job that left its step still carries the cluster's
/// SLURM_CONF.
pub(crate) fn steps_and_jobs_of(dir: &Path) -> Vec<Process> {
    let all = all();
    let roots = all
        .iter()
        .copied()
        .filter(|process| {
            (process.is_step() && process.has_open_file_under(dir)) || process.is_job_of(dir)
        })
        .collect();
    with_descendants(roots, &all)
}
