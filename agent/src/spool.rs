//! The spool: segments wait on disk until the broker has them.
//!
//! A directory of append-only files. Numbers are given here, run on across restarts, and are never
//! given twice: a batch is numbered, written and made durable in one step, so what was sent was on
//! disk before. Files leave when the broker has acknowledged all of them, or when the bounds on
//! bytes and age take the oldest, which is counted as loss.

mod file;
mod frame;
mod stream;

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

use agent_wire::Segment;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use self::file::{Damage, SpoolFile};

/// How much the spool may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// A file is closed before it grows beyond this.
    pub file_bytes: u64,
    /// All files together.
    pub total_bytes: u64,
    /// How long a segment may wait.
    pub max_age: TimeDelta,
}

/// Why the spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another agent has it open.
    #[error("spool `{0}` is in use by another mimer-agent: give each agent a directory of its own")]
    InUse(PathBuf),
    /// The directory belongs to another node.
    #[error(
        "spool `{dir}` was made by node `{made_by}`, but this is node `{node}`: give this node a \
         directory of its own, or move that one away after its segments were delivered"
    )]
    OtherNode {
        /// The directory.
        dir: PathBuf,
        /// Node that made it.
        made_by: String,
        /// Node in the configuration.
        node: String,
    },
    /// Segments without a stream, or a stream without segments: someone deleted half of it.
    #[error(
        "spool `{0}` is incomplete: its stream file or its segment files were deleted; move the \
         whole directory away, and a new stream begins"
    )]
    Incomplete(PathBuf),
    /// The disk refuses.
    #[error("cannot {doing} in spool `{dir}`")]
    Disk {
        /// The directory.
        dir: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// What opening the spool found wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes of a half-written tail that were cut off.
    pub torn_bytes: u64,
    /// Damaged stretches inside files, whose segments are lost.
    pub damage_count: u64,
}

/// Segments lost to the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Because the spool was full.
    pub full: u64,
    /// Because they waited too long.
    pub aged: u64,
}

/// Segments ready to be sent, all of one boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Boot in which they were measured.
    pub boot_id: Uuid,
    /// In order, never empty.
    pub segments: Vec<Segment>,
}

/// The spool directory, open.
#[derive(Debug)]
pub struct Spool {
    dir: PathBuf,
    stream_id: Uuid,
    limits: Limits,
    files: VecDeque<SpoolFile>,
    active: File,
    acknowledged_seq: u64,
    _lock: File,
}

impl Spool {
    /// Opens `dir`, making it and a new stream of id `fresh_id` if it is not there.
    pub fn open(
        dir: &Path,
        node: &str,
        limits: Limits,
        fresh_id: Uuid,
    ) -> Result<(Self, Recovery), SpoolError> {
        let disk = |doing| move |source| SpoolError::Disk { dir: dir.to_owned(), doing, source };
        let lock = stream::lock(dir)?;
        let mut files = VecDeque::new();
        let mut damage = Damage::default();
        for (first_seq, path) in stream::spool_files(dir).map_err(disk("list the files"))? {
            let (file, found) =
                SpoolFile::survey(path, first_seq).map_err(disk("read a segment file"))?;
            damage.torn_bytes += found.torn_bytes;
            damage.damage_count += found.damage_count;
            files.push_back(file);
        }
        let is_new = files.iter().all(|file| file.bytes == 0 && file.first_seq == 1);
        let (active, stream_id) = match files.back() {
            Some(last) => {
                let active = last.reopen().map_err(disk("open the last segment file"))?;
                (active, stream::stream_id(dir, node, is_new.then_some(fresh_id))?)
            }
            None if stream::exists(dir) => return Err(SpoolError::Incomplete(dir.to_owned())),
            None => {
                // First the file, then the stream: a crash between leaves an empty file, no hole.
                let (file, active) =
                    SpoolFile::create(dir, 1).map_err(disk("make a segment file"))?;
                files.push_back(file);
                (active, stream::stream_id(dir, node, Some(fresh_id))?)
            }
        };
        let spool = Self {
            dir: dir.to_owned(),
            stream_id,
            limits,
            files,
            active,
            acknowledged_seq: 0,
            _lock: lock,
        };
        let Damage { torn_bytes, damage_count } = damage;
        Ok((spool, Recovery { torn_bytes, damage_count }))
    }

    /// Numbers the segments, appends them and makes them durable.
    ///
    /// On an error none of them is in the spool and no number is used up.
    pub fn append(
        &mut self,
        boot_id: Uuid,
        segments: Vec<Segment>,
        now: DateTime<Utc>,
    ) -> Result<Dropped, SpoolError> {
        let first_seq = self.next_seq();
        let mut frames = Vec::new();
        let mut newest = None;
        let count = segments.len() as u64;
        for (seq, segment) in (first_seq..).zip(segments) {
            newest = newest.max(Some(segment.ended_at));
            let kept = file::Kept { boot_id, segment: Segment { seq, ..segment } };
            let payload = serde_json::to_vec(&kept).expect("a segment is plain data");
            frame::write(seq, &payload, &mut frames);
        }
        let frame_bytes = frames.len() as u64;
        let dropped = self.make_room(frame_bytes, now)?;
        let Some(last) = self.files.back_mut() else { unreachable!("the active file is there") };
        last.append(&mut self.active, &frames).map_err(|source| SpoolError::Disk {
            dir: self.dir.clone(),
            doing: "append segments",
            source,
        })?;
        last.bytes += frame_bytes;
        last.segment_count += count;
        last.next_seq = first_seq + count;
        last.newest = last.newest.max(newest);
        Ok(dropped)
    }

    /// The oldest unacknowledged segments, at most `most`, or `None` when all are acknowledged.
    pub fn next_parcel(&self, most: usize) -> Result<Option<Parcel>, SpoolError> {
        let mut parcel: Option<Parcel> = None;
        let mut unknown_total = 0;
        let waiting = |file: &&SpoolFile| file.next_seq > self.acknowledged_seq + 1;
        'files: for file in self.files.iter().filter(waiting) {
            let room = most - parcel.as_ref().map_or(0, |parcel| parcel.segments.len());
            let (kept, unknown_count) =
                file.after(self.acknowledged_seq, room).map_err(|source| SpoolError::Disk {
                    dir: self.dir.clone(),
                    doing: "read segments",
                    source,
                })?;
            unknown_total += unknown_count;
            for kept in kept {
                let parcel = parcel
                    .get_or_insert_with(|| Parcel { boot_id: kept.boot_id, segments: Vec::new() });
                if parcel.boot_id != kept.boot_id {
                    break 'files;
                }
                parcel.segments.push(kept.segment);
            }
            if parcel.as_ref().is_some_and(|parcel| parcel.segments.len() >= most) {
                break;
            }
        }
        if unknown_total > 0 {
            tracing::error!(
                frame_count = unknown_total,
                "spooled segments of an unknown form are skipped"
            );
        }
        Ok(parcel)
    }

    /// Notes that the broker has everything up to `seq` and deletes the files that are done.
    pub fn acknowledge(&mut self, seq: u64) -> Result<(), SpoolError> {
        self.acknowledged_seq = seq;
        while self.files.len() > 1 && self.files[0].next_seq <= seq + 1 {
            self.delete_oldest()?;
        }
        Ok(())
    }

    /// The first segment after `seq` that is still here.
    pub fn first_after(&self, seq: u64) -> Option<u64> {
        let file = self.files.iter().find(|file| file.next_seq > seq + 1)?;
        let (kept, _) = file.after(seq, 1).ok()?;
        kept.first().map(|kept| kept.segment.seq)
    }

    /// The stream that numbers run in.
    pub fn stream_id(&self) -> Uuid {
        self.stream_id
    }

    /// The number that the next segment gets.
    pub fn next_seq(&self) -> u64 {
        self.files.back().map_or(1, |file| file.next_seq)
    }

    /// What the broker has, as far as this agent was told since its start.
    pub fn acknowledged_seq(&self) -> u64 {
        self.acknowledged_seq
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Segments on disk that are not acknowledged.
    pub fn waiting(&self) -> u64 {
        self.files.iter().map(|file| file.count_after(self.acknowledged_seq)).sum()
    }

    /// Closes a full file, and drops the oldest where a bound demands it.
    fn make_room(&mut self, more_bytes: u64, now: DateTime<Utc>) -> Result<Dropped, SpoolError> {
        let oldest_kept = now - self.limits.max_age;
        let is_aged = |file: &SpoolFile| file.newest.is_some_and(|newest| newest < oldest_kept);
        let active_is_done = self.files.back().is_some_and(|active| {
            let is_full = active.bytes > 0 && active.bytes + more_bytes > self.limits.file_bytes;
            is_full || is_aged(active)
        });
        if active_is_done {
            self.rotate()?;
        }
        let mut dropped = Dropped::default();
        while self.files.len() > 1 {
            let oldest = &self.files[0];
            let waiting = oldest.count_after(self.acknowledged_seq);
            if is_aged(oldest) {
                dropped.aged += waiting;
            } else if self.bytes() + more_bytes > self.limits.total_bytes {
                dropped.full += waiting;
            } else {
                break;
            }
            self.delete_oldest()?;
        }
        Ok(dropped)
    }

    fn rotate(&mut self) -> Result<(), SpoolError> {
        let (file, active) = SpoolFile::create(&self.dir, self.next_seq()).map_err(|source| {
            SpoolError::Disk { dir: self.dir.clone(), doing: "make a segment file", source }
        })?;
        self.files.push_back(file);
        self.active = active;
        Ok(())
    }

    fn delete_oldest(&mut self) -> Result<(), SpoolError> {
        let disk = |source| SpoolError::Disk {
            dir: self.dir.clone(),
            doing: "delete a delivered segment file",
            source,
        };
        let Some(oldest) = self.files.front() else { return Ok(()) };
        match std::fs::remove_file(&oldest.path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(disk(source));
            }
            _ => file::sync_dir(&self.dir).map_err(disk)?,
        }
        self.files.pop_front();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
