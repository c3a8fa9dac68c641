//! One spool file: frames in order, named after the number its first frame has or will have.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use agent_wire::Segment;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::frame::{self, Scan};

const SUFFIX: &str = ".segments";

/// What one frame holds: the segment and the boot in which it was measured.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Kept {
    pub(super) boot_id: Uuid,
    pub(super) segment: Segment,
}

/// What is known of a file without reading it again.
#[derive(Clone, Debug)]
pub(super) struct SpoolFile {
    pub(super) path: PathBuf,
    /// Number of the first segment, or the next one if the file is empty.
    pub(super) first_seq: u64,
    /// Number after the last segment.
    pub(super) next_seq: u64,
    pub(super) segment_count: u64,
    pub(super) bytes: u64,
    /// End of the newest segment.
    pub(super) newest: Option<DateTime<Utc>>,
}

/// What had to be given up when a file was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) torn_bytes: u64,
    pub(super) damage_count: u64,
}

impl SpoolFile {
    /// Makes an empty file whose first segment will be `first_seq`.
    pub(super) fn create(dir: &Path, first_seq: u64) -> std::io::Result<(Self, File)> {
        let path = dir.join(format!("{first_seq:020}{SUFFIX}"));
        let file = OpenOptions::new().append(true).create_new(true).open(&path)?;
        sync_dir(dir)?;
        let kept =
            Self { path, first_seq, next_seq: first_seq, segment_count: 0, bytes: 0, newest: None };
        Ok((kept, file))
    }

    /// The number in a spool file's name.
    pub(super) fn seq_of(path: &Path) -> Option<u64> {
        path.file_name()?.to_str()?.strip_suffix(SUFFIX)?.parse().ok()
    }

    /// Reads a file that an earlier agent wrote.
    pub(super) fn survey(path: PathBuf, first_seq: u64) -> std::io::Result<(Self, Damage)> {
        let bytes = std::fs::read(&path)?;
        let Scan { frames, whole_bytes, damage_count } = frame::scan(&bytes);
        let last = frames.last();
        let damage = Damage {
            torn_bytes: (bytes.len() - whole_bytes) as u64,
            damage_count: damage_count as u64,
        };
        let file = Self {
            path,
            first_seq: frames.first().map_or(first_seq, |frame| frame.seq),
            next_seq: last.map_or(first_seq, |frame| frame.seq + 1),
            segment_count: frames.len() as u64,
            bytes: whole_bytes as u64,
            newest: last
                .and_then(|frame| serde_json::from_slice::<Kept>(frame.payload).ok())
                .map(|kept| kept.segment.ended_at),
        };
        Ok((file, damage))
    }

    /// Opens the file for appending and cuts off what a dying agent left half-written.
    pub(super) fn reopen(&self) -> std::io::Result<File> {
        let file = OpenOptions::new().append(true).open(&self.path)?;
        if file.metadata()?.len() > self.bytes {
            file.set_len(self.bytes)?;
            file.sync_data()?;
        }
        Ok(file)
    }

    /// Appends whole frames and makes them durable, or leaves the file as it was.
    pub(super) fn append(&self, file: &mut File, frames: &[u8]) -> std::io::Result<()> {
        file.write_all(frames).and_then(|()| file.sync_data()).inspect_err(|_| {
            // If even this fails, the next survey cuts the tail.
            file.set_len(self.bytes).unwrap_or_default();
        })
    }

    /// At most `most` kept segments after `seq`, in order, and how many frames did not parse.
    pub(super) fn after(&self, seq: u64, most: usize) -> std::io::Result<(Vec<Kept>, usize)> {
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(self.bytes).read_to_end(&mut bytes)?;
        let mut kept = Vec::new();
        let mut unknown_count = 0;
        for frame in frame::scan(&bytes).frames {
            if frame.seq <= seq || kept.len() == most {
                continue;
            }
            match serde_json::from_slice::<Kept>(frame.payload) {
                Ok(segment) => kept.push(segment),
                Err(_) => unknown_count += 1,
            }
        }
        Ok((kept, unknown_count))
    }

    /// How many of its segments lie after `seq`; exact unless the file is damaged inside.
    pub(super) fn count_after(&self, seq: u64) -> u64 {
        let after = self.next_seq.saturating_sub(self.first_seq.max(seq + 1));
        after.min(self.segment_count)
    }
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}
