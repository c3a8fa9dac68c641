//! The stream of a spool directory: its id, the node it belongs to, and the lock on it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use uuid::Uuid;

use super::SpoolError;
use super::file::{SpoolFile, sync_dir};

const STREAM_FILE: &str = "stream.json";

#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Stream {
    stream_id: Uuid,
    node: String,
}

/// Takes the directory for this process, making it if need be. The lock ends with the process.
pub(super) fn lock(dir: &Path) -> Result<File, SpoolError> {
    let disk = |source| SpoolError::Disk { dir: dir.to_owned(), doing: "take the lock", source };
    DirBuilder::new().recursive(true).mode(0o750).create(dir).map_err(disk)?;
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o640)
        .open(dir.join("lock"))
        .map_err(disk)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(SpoolError::InUse(dir.to_owned())),
        Err(errno) => Err(disk(errno.into())),
    }
}

/// The segment files of a directory, oldest first.
pub(super) fn spool_files(dir: &Path) -> std::io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        files.extend(SpoolFile::seq_of(&path).map(|seq| (seq, path)));
    }
    files.sort_unstable();
    Ok(files)
}

/// Whether the directory has a stream.
pub(super) fn exists(dir: &Path) -> bool {
    dir.join(STREAM_FILE).exists()
}

/// The directory's stream, which is made with `fresh_id` if there is none and there may be one.
pub(super) fn stream_id(
    dir: &Path,
    node: &str,
    fresh_id: Option<Uuid>,
) -> Result<Uuid, SpoolError> {
    let disk = |doing| move |source| SpoolError::Disk { dir: dir.to_owned(), doing, source };
    let path = dir.join(STREAM_FILE);
    if path.exists() {
        let text = std::fs::read(&path).map_err(disk("read the stream file"))?;
        let stream: Stream =
            serde_json::from_slice(&text).map_err(|_| SpoolError::Incomplete(dir.to_owned()))?;
        if stream.node != node {
            return Err(SpoolError::OtherNode {
                dir: dir.to_owned(),
                made_by: stream.node,
                node: node.to_owned(),
            });
        }
        return Ok(stream.stream_id);
    }
    let stream_id = fresh_id.ok_or_else(|| SpoolError::Incomplete(dir.to_owned()))?;
    let stream = Stream { stream_id, node: node.to_owned() };
    write_durably(dir, &path, &stream).map_err(disk("write the stream file"))?;
    Ok(stream_id)
}

fn write_durably(dir: &Path, path: &Path, stream: &Stream) -> std::io::Result<()> {
    let unfinished = dir.join("stream.json.new");
    let mut file = File::create(&unfinished)?;
    file.write_all(&serde_json::to_vec(stream)?)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    sync_dir(dir)
}
