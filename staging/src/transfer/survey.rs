//! What an earlier try left here, believed only after it is hashed again.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

use crate::digest::Sha256;
use crate::manifest::{Manifest, ManifestFile};

use super::area::{self, Area};
use super::{ChunkRecord, Origin, TransferError, Verdict};

/// Where a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere yet.
    Absent,
    /// Waiting; the verified chunks are its beginning.
    Waiting,
    /// Handed over by an earlier try that broke at the very end.
    Ready,
}

/// How far one file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    pub(super) place: Place,
    /// Chunks from the beginning that are here and right.
    pub(super) verified_chunks: usize,
}

/// How far all files have come, and what was hashed to know it.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) files: Vec<FileState>,
    pub(super) chunks: Vec<ChunkRecord>,
}

/// Hashes everything that is here and cuts each waiting file after its last right chunk.
pub(super) fn survey(area: &Area, manifest: &Manifest) -> Result<Survey, TransferError> {
    area.remove_strangers(manifest)?;
    let mut found = Survey { files: Vec::new(), chunks: Vec::new() };
    for (file_no, file) in manifest.files.iter().enumerate() {
        let state = survey_file(area, manifest, file_no, &mut found.chunks)?;
        if state.place == Place::Waiting {
            let (verified_bytes, _) = file.chunk_span(state.verified_chunks, manifest.chunk_bytes);
            area.cut(&file.path, verified_bytes.min(file.size_bytes))?;
        }
        found.files.push(state);
    }
    Ok(found)
}

fn survey_file(
    area: &Area,
    manifest: &Manifest,
    file_no: usize,
    chunks: &mut Vec<ChunkRecord>,
) -> Result<FileState, TransferError> {
    let file = &manifest.files[file_no];
    let ready = area.ready(&file.path);
    if let Some(mut input) = open_if_there(&ready)? {
        let mut hash = || -> io::Result<_> {
            let length = input.metadata()?.len();
            let (sha256, _) = Sha256::of_next(&mut input, u64::MAX)?;
            Ok((length, sha256))
        };
        let (length, sha256) = hash().map_err(TransferError::area("read", &ready))?;
        if (length, sha256) != (file.size_bytes, file.sha256) {
            return Err(TransferError::AreaOccupied { path: file.path.to_string() });
        }
        chunks.extend(vouched(file_no, file, manifest.chunk_bytes));
        return Ok(FileState { place: Place::Ready, verified_chunks: file.chunks.len() });
    }
    let waiting = area.waiting(&file.path);
    let Some(mut input) = open_if_there(&waiting)? else {
        return Ok(FileState { place: Place::Absent, verified_chunks: 0 });
    };
    let hashed = hash_chunks(&mut input, manifest, file_no, (0, file.chunks.len()), Origin::Kept)
        .map_err(TransferError::area("read", &waiting))?;
    // What is absent is not wrong: only chunks with bytes in them go into the ledger.
    let verified_chunks = right_prefix(&hashed);
    chunks.extend(hashed.into_iter().filter(|chunk| chunk.size_bytes > 0));
    Ok(FileState { place: Place::Waiting, verified_chunks })
}

/// Hashes chunks `from..to` of a file and stops after the first that is wrong.
pub(super) fn hash_chunks(
    input: &mut File,
    manifest: &Manifest,
    file_no: usize,
    (from, to): (usize, usize),
    origin: Origin,
) -> io::Result<Vec<ChunkRecord>> {
    let file = &manifest.files[file_no];
    let mut hashed = Vec::new();
    input.seek(SeekFrom::Start(file.chunk_span(from, manifest.chunk_bytes).0))?;
    for chunk_no in from..to {
        let (_, wanted) = file.chunk_span(chunk_no, manifest.chunk_bytes);
        let (sha256, size_bytes) = Sha256::of_next(input, wanted)?;
        let right = size_bytes == wanted && sha256 == file.chunks[chunk_no];
        let verdict = if right { Verdict::Verified } else { Verdict::Wrong };
        let (file_no, chunk_no) = (file_no as u64, chunk_no as u64);
        hashed.push(ChunkRecord { file_no, chunk_no, size_bytes, sha256, origin, verdict });
        if !right {
            break;
        }
    }
    Ok(hashed)
}

/// Right chunks before the first wrong one.
pub(super) fn right_prefix(hashed: &[ChunkRecord]) -> usize {
    hashed.iter().take_while(|chunk| chunk.verdict == Verdict::Verified).count()
}

/// The chunks of a file whose whole digest was just found right.
fn vouched(
    file_no: usize,
    file: &ManifestFile,
    chunk_bytes: u64,
) -> impl Iterator<Item = ChunkRecord> {
    file.chunks.iter().enumerate().map(move |(chunk_no, &sha256)| ChunkRecord {
        file_no: file_no as u64,
        chunk_no: chunk_no as u64,
        size_bytes: file.chunk_span(chunk_no, chunk_bytes).1,
        sha256,
        origin: Origin::Kept,
        verdict: Verdict::Verified,
    })
}

fn open_if_there(path: &Path) -> Result<Option<File>, TransferError> {
    match area::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // A file where a directory must be: the path below it is not there either.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(TransferError::area("read", path)(error)),
    }
}
