//! Reading the state directory: who runs on which board, and which boards are faulty.
//!
//! Jobs of ordinary users write into it, so nothing in it is trusted: only small regular files are
//! read, links and pipes are not followed or waited for, and figures are bounded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::board::{Fault, IDLE_POWER_MW, Load, MAX_POWER_MW, MEMORY_MIB, Process};

/// Directory entries looked at before giving up, so that a littered directory costs little.
const MAX_ENTRIES: usize = 1_024;

/// No file of ours is larger.
const MAX_FILE_BYTES: u64 = 1_024;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ProcessFile {
    pid: u32,
    utilization_pct: u64,
    memory_mib: u64,
    power_mw: u64,
}

/// What the state directory says now, by minor number.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) loads: BTreeMap<u32, Load>,
    pub(crate) faults: BTreeMap<u32, Fault>,
}

/// Looks through the state directory.
pub(crate) fn look(dir: &Path) -> Seen {
    let mut seen = Seen::default();
    let Ok(entries) = std::fs::read_dir(dir) else { return seen };
    for entry in entries.take(MAX_ENTRIES).flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some(minor) = name.strip_prefix("fault-").and_then(|rest| rest.parse().ok()) {
            let word = read_small(&entry.path()).unwrap_or_default();
            seen.faults.extend(Fault::from_word(&word).map(|fault| (minor, fault)));
        } else if let Some(minor) = minor_of(name)
            && let Some(process) = living_process(&entry.path())
        {
            add(seen.loads.entry(minor).or_insert(Load { power_mw: 0, ..Load::IDLE }), &process);
        }
    }
    for load in seen.loads.values_mut() {
        load.power_mw = load.power_mw.clamp(IDLE_POWER_MW, MAX_POWER_MW);
    }
    seen
}

/// A file with one number in it, such as `count`.
pub(crate) fn number(path: &Path) -> Option<u32> {
    read_small(path)?.trim().parse().ok()
}

/// N of `gpu-N.json` and `gpu-N.ANYTHING.json`.
fn minor_of(name: &str) -> Option<u32> {
    let stem = name.strip_prefix("gpu-")?.strip_suffix(".json")?;
    let digits = stem.split_once('.').map_or(stem, |(digits, _)| digits);
    digits.parse().ok()
}

fn add(load: &mut Load, process: &ProcessFile) {
    let free_mib = MEMORY_MIB - load.memory_mib;
    let memory_mib = process.memory_mib.min(free_mib);
    load.processes.push(Process { pid: process.pid, memory_mib });
    load.memory_mib += memory_mib;
    load.utilization_pct = load.utilization_pct.saturating_add(process.utilization_pct).min(100);
    load.power_mw = load.power_mw.saturating_add(process.power_mw);
}

fn living_process(path: &Path) -> Option<ProcessFile> {
    let process: ProcessFile = serde_json::from_str(&read_small(path)?).ok()?;
    is_alive(process.pid).then_some(process)
}

/// A process is alive unless it is gone or a zombie.
fn is_alive(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The state follows the command's name, which is in brackets and may itself contain some.
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

fn read_small(path: &Path) -> Option<String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, pid: u32) {
        let text =
            format!(r#"{{"pid":{pid},"utilization_pct":60,"memory_mib":20000,"power_mw":400000}}"#);
        std::fs::write(dir.join(name), text).unwrap();
    }

    #[test]
    fn processes_of_one_board_add_up_within_its_bounds() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "gpu-3.json", std::process::id());
        write(dir.path(), "gpu-3.77.json", std::process::id());
        let load = &look(dir.path()).loads[&3];
        assert_eq!(load.processes.len(), 2);
        assert_eq!((load.utilization_pct, load.memory_mib), (100, 40_000));
        assert_eq!(load.power_mw, MAX_POWER_MW);
    }

    #[test]
    fn a_dead_process_leaves_its_board_idle() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "gpu-3.json", u32::MAX);
        assert!(look(dir.path()).loads.is_empty());
    }

    #[test]
    fn links_and_broken_files_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "elsewhere", std::process::id());
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), dir.path().join("gpu-1.json"))
            .unwrap();
        std::fs::write(dir.path().join("gpu-2.json"), "{").unwrap();
        assert!(look(dir.path()).loads.is_empty());
    }
}
