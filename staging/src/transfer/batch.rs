//! Batches: how much one session of the client may move before the gate is asked again.
//!
//! A batch is either the rest of several files or a slice of one. The limit on the size of a file that
//! the kernel puts on the client is one number per session, so only a batch of one file can end in
//! the middle of it.

use crate::manifest::Manifest;

use super::survey::{FileState, Place};

/// The most files in one session.
const MAX_FILES: usize = 500;

/// Chunks `from..to` of one file; the empty range of an empty file means the file itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) file_no: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// What one session moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) slices: Vec<Slice>,
    /// No file may grow beyond this while the batch runs.
    pub(super) max_file_bytes: u64,
}

impl Batch {
    /// The next batch, or `None` when everything is here.
    pub(super) fn next(manifest: &Manifest, files: &[FileState], batch_bytes: u64) -> Option<Self> {
        let mut slices: Vec<Slice> = Vec::new();
        let mut left = batch_bytes;
        let mut max_file_bytes = 0;
        for (file_no, (file, state)) in manifest.files.iter().zip(files).enumerate() {
            let (from, to) = (state.verified_chunks, file.chunks.len());
            if from == to && state.place != Place::Absent {
                continue;
            }
            let (begins, _) = file.chunk_span(from, manifest.chunk_bytes);
            let rest = file.size_bytes.saturating_sub(begins);
            if rest > left {
                if slices.is_empty() {
                    return Some(Self::part_of(manifest, Slice { file_no, from, to }, batch_bytes));
                }
                break;
            }
            slices.push(Slice { file_no, from, to });
            // One byte more than signed, so that a longer file shows.
            max_file_bytes = max_file_bytes.max(file.size_bytes + 1);
            left -= rest;
            if slices.len() == MAX_FILES {
                break;
            }
        }
        (!slices.is_empty()).then_some(Self { slices, max_file_bytes })
    }

    /// As many whole chunks of one large file as fit, and at least one.
    fn part_of(manifest: &Manifest, rest: Slice, batch_bytes: u64) -> Self {
        let file = &manifest.files[rest.file_no];
        let fitting = usize::try_from(batch_bytes / manifest.chunk_bytes).unwrap_or(usize::MAX);
        let to = rest.from.saturating_add(fitting.max(1)).min(rest.to);
        let ends = file.chunk_span(to, manifest.chunk_bytes).0;
        let max_file_bytes = if to == rest.to { file.size_bytes + 1 } else { ends };
        Self { slices: vec![Slice { to, ..rest }], max_file_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;
    use crate::manifest::ManifestFile;

    const CHUNK: u64 = 1024;

    fn manifest(sizes: &[u64]) -> Manifest {
        let sha256 = Sha256::of(b"");
        let files = sizes.iter().enumerate().map(|(no, &size_bytes)| ManifestFile {
            path: format!("{no}").parse().unwrap(),
            size_bytes,
            sha256,
            chunks: vec![sha256; usize::try_from(size_bytes.div_ceil(CHUNK)).unwrap()],
        });
        Manifest {
            version: 1,
            environment: String::new(),
            dataset: String::new(),
            chunk_bytes: CHUNK,
            files: files.collect(),
        }
    }

    /// File, first chunk and the one after the last.
    type Span = (usize, usize, usize);

    /// Runs all batches as if each came whole, and tells their slices and limits.
    fn all(sizes: &[u64], batch_bytes: u64) -> Vec<(Vec<Span>, u64)> {
        let manifest = manifest(sizes);
        let absent = FileState { place: Place::Absent, verified_chunks: 0 };
        let mut files = vec![absent; sizes.len()];
        let mut batches = Vec::new();
        while let Some(batch) = Batch::next(&manifest, &files, batch_bytes) {
            for slice in &batch.slices {
                files[slice.file_no] =
                    FileState { place: Place::Waiting, verified_chunks: slice.to };
            }
            let slices = batch.slices.iter().map(|s| (s.file_no, s.from, s.to)).collect();
            batches.push((slices, batch.max_file_bytes));
        }
        batches
    }

    #[test]
    fn small_files_share_a_batch_and_an_empty_one_is_fetched_too() {
        assert_eq!(all(&[10, 0, 20], 100), [(vec![(0, 0, 1), (1, 0, 0), (2, 0, 1)], 21)]);
    }

    #[test]
    fn a_large_file_is_cut_at_chunk_borders_and_its_end_is_watched() {
        let whole = [(vec![(0, 0, 2)], 2048), (vec![(0, 2, 3)], 2501)];
        assert_eq!(all(&[2500], 2048), whole);
    }

    #[test]
    fn a_batch_smaller_than_a_chunk_still_moves_one() {
        assert_eq!(all(&[1500], 1), [(vec![(0, 0, 1)], 1024), (vec![(0, 1, 2)], 1501)]);
    }
}
