//! Starts that the broker has not taken yet, on disk before they are told.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use agent_wire::ScriptStart;

/// Starts that wait at most: weeks of a busy node.
const MOST: usize = 100_000;

/// The starts that wait.
#[derive(Debug)]
pub struct Kept {
    file: PathBuf,
    waiting: BTreeSet<ScriptStart>,
}

impl Kept {
    /// Reads what an earlier agent left in `file`. A line that a crash cut off is passed over: that
    /// start was never told, and its directory is found again if it is still there.
    pub fn open(file: &Path) -> io::Result<Self> {
        let text = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let waiting = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let kept = Self { file: file.to_owned(), waiting };
        kept.write()?; // A cut-off line must not run into the next one.
        Ok(kept)
    }

    /// Keeps a start; false if it waits already, or if there is no room for it.
    pub fn add(&mut self, start: ScriptStart) -> io::Result<bool> {
        if self.waiting.contains(&start) {
            return Ok(false);
        }
        if self.waiting.len() >= MOST {
            tracing::error!(
                slurm.job_id = start.slurm_job_id,
                "too many starts wait for the broker; one more is not kept"
            );
            return Ok(false);
        }
        let mut file = OpenOptions::new().append(true).open(&self.file)?;
        file.write_all(&line(&start))?;
        file.sync_data()?;
        self.waiting.insert(start);
        Ok(true)
    }

    /// The oldest that wait, at most `most`.
    pub fn oldest(&self, most: usize) -> Vec<ScriptStart> {
        self.waiting.iter().take(most).copied().collect()
    }

    /// The broker has these.
    pub fn taken(&mut self, starts: &[ScriptStart]) -> io::Result<()> {
        for start in starts {
            self.waiting.remove(start);
        }
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        let new = self.file.with_extension("new");
        let mut file = File::create(&new)?;
        for start in &self.waiting {
            file.write_all(&line(start))?;
        }
        file.sync_data()?;
        std::fs::rename(&new, &self.file)
    }
}

fn line(start: &ScriptStart) -> Vec<u8> {
    let mut line = serde_json::to_vec(start).expect("a start is plain data");
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(slurm_job_id: u32) -> ScriptStart {
        ScriptStart { slurm_job_id, started_at: "2027-03-01T12:00:00.25Z".parse().unwrap() }
    }

    #[test]
    fn what_was_not_taken_waits_for_the_next_agent() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("starts.jsonl");
        let mut kept = Kept::open(&file).unwrap();
        assert!(kept.add(start(1)).unwrap() && kept.add(start(2)).unwrap());
        assert!(!kept.add(start(2)).unwrap(), "the same start is one");
        kept.taken(&[start(1)]).unwrap();
        drop(kept);
        // The machine went down in the middle of a line.
        std::fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"{\"slu").unwrap();
        let mut kept = Kept::open(&file).unwrap();
        kept.add(start(3)).unwrap();
        drop(kept);
        assert_eq!(Kept::open(&file).unwrap().oldest(9), [start(2), start(3)]);
    }
}
