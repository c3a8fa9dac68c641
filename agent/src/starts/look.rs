//! Watching slurmd's spool: the kernel tells of every directory as it is made, so that no script is
//! too short to be seen.

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agent_wire::ScriptStart;
use chrono::{DateTime, SubsecRound, Utc};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tokio::sync::Notify;

use super::Kept;
use crate::clock;

/// Before a spool that could not be watched is tried again: slurmd may not have run yet.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// What the kernel writes about directories at once.
const EVENTS_BYTES: usize = 16 * 1_024;

/// Starts the thread; it runs for as long as the agent does.
pub fn start(dir: &Path, kept: Arc<Mutex<Kept>>, arrived: Arc<Notify>) -> io::Result<()> {
    let look = Look { dir: dir.to_owned(), kept, arrived };
    let thread = std::thread::Builder::new().name("starts".to_owned());
    thread.spawn(move || look.run()).map(drop)
}

struct Look {
    dir: PathBuf,
    kept: Arc<Mutex<Kept>>,
    arrived: Arc<Notify>,
}

impl Look {
    fn run(&self) {
        let mut told = None;
        loop {
            let Err(error) = self.follow();
            // Said once for each reason, not every ten seconds.
            let reason = error.to_string();
            if told.as_ref() != Some(&reason) {
                tracing::error!(error = reason, dir = %self.dir.display(),
                    "slurmd's spool cannot be watched: the broker is not told of starts here; set \
                     `slurmd_spool_dir` to SlurmdSpoolDir, and let the agent list it");
                told = Some(reason);
            }
            std::thread::sleep(AGAIN_AFTER);
        }
    }

    /// Follows the directory until that fails.
    fn follow(&self) -> io::Result<std::convert::Infallible> {
        let events = inotify::init(CreateFlags::CLOEXEC)?;
        let wanted = WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
        inotify::add_watch(&events, &self.dir, wanted | WatchFlags::DELETE_SELF)?;
        // After the watch is set, so that nothing falls between.
        for entry in std::fs::read_dir(&self.dir)? {
            if let Some(job_id) = entry?.file_name().to_str().and_then(job_of) {
                self.keep(job_id, false)?;
            }
        }
        tracing::info!(dir = %self.dir.display(), "starts of scripts are watched");
        let mut buffer = [MaybeUninit::uninit(); EVENTS_BYTES];
        let mut reader = inotify::Reader::new(events, &mut buffer);
        loop {
            let event = reader.next()?;
            let lost = ReadFlags::QUEUE_OVERFLOW | ReadFlags::IGNORED | ReadFlags::DELETE_SELF;
            if event.events().intersects(lost) {
                return Err(io::Error::other("the kernel stopped telling of it"));
            }
            let name = event.file_name().map(CStr::to_bytes).map(String::from_utf8_lossy);
            if let Some(job_id) = name.as_deref().and_then(job_of) {
                self.keep(job_id, true)?;
            }
        }
    }

    fn keep(&self, slurm_job_id: u32, is_new: bool) -> io::Result<()> {
        let born_at = std::fs::metadata(self.dir.join(dir_of(slurm_job_id)))
            .and_then(|metadata| metadata.created())
            .map(DateTime::<Utc>::from);
        let started_at = match born_at {
            Ok(born_at) => born_at,
            // Gone already, or the file system keeps no births: then the event is the start, and
            // what lay there before this agent came tells nothing.
            Err(_) if is_new => clock::now().wall,
            Err(_) => return Ok(()),
        };
        // Whole microseconds, as the broker's database keeps them.
        let start = ScriptStart { slurm_job_id, started_at: started_at.trunc_subsecs(6) };
        if self.kept.lock().unwrap_or_else(PoisonError::into_inner).add(start)? {
            self.arrived.notify_one();
        }
        Ok(())
    }
}

/// slurmd's directory of one start (22.05 to 26.05: `job%05u`).
fn dir_of(slurm_job_id: u32) -> String {
    format!("job{slurm_job_id:05}")
}

/// The job of a directory, if it is one of a start.
fn job_of(name: &str) -> Option<u32> {
    let job_id = name.strip_prefix("job")?.parse().ok()?;
    (dir_of(job_id) == name).then_some(job_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(kept: &Mutex<Kept>, count: usize) -> Vec<ScriptStart> {
        for _ in 0..500 {
            let starts = kept.lock().unwrap().oldest(9);
            if starts.len() >= count {
                return starts;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("waited in vain for {count} starts")
    }

    #[test]
    fn every_start_is_seen_however_short_and_also_one_that_was_there_before() {
        let (spool, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| spool.path().join(name);
        std::fs::create_dir(at("job100007")).unwrap();
        let kept = Kept::open(&own.path().join("starts.jsonl")).unwrap();
        let kept = Arc::new(Mutex::new(kept));
        start(spool.path(), Arc::clone(&kept), Arc::new(Notify::new())).unwrap();
        until(&kept, 1);
        for _ in 0..2 {
            std::fs::create_dir(at("job100008")).unwrap();
            std::fs::remove_dir(at("job100008")).unwrap();
        }
        std::fs::create_dir(at("node01_100009.0")).unwrap();
        let starts = until(&kept, 3);
        let job_ids: Vec<u32> = starts.iter().map(|start| start.slurm_job_id).collect();
        assert_eq!(job_ids, [100_007, 100_008, 100_008]);
        assert!(starts[1].started_at < starts[2].started_at);
    }

    #[test]
    fn only_slurmds_own_names_are_starts() {
        assert_eq!(["job00007", "job100007"].map(job_of), [Some(7), Some(100_007)]);
        let others = ["job7", "job", "job-1", "jobs", "node01_7.0", "cred_state"];
        assert_eq!(others.map(job_of), [None; 6]);
    }
}
