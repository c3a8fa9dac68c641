//! One transfer from its first question to its report.
//!
//! The order of the steps is the point: the permit, the signature, the bounds of the link, what the
//! source really has, what is already here, and only then data, batch by batch; at the very end each
//! file is hashed whole once more and handed over.

use std::io;
use std::sync::Arc;

use crate::digest::Sha256;
use crate::gate::PermitGate;
use crate::manifest::{
    self, MANIFEST_FILE, MAX_MANIFEST_BYTES, Manifest, ManifestFault, SIGNATURE_FILE,
};

use super::area::{self, Area};
use super::batch::{Batch, Slice};
use super::listing;
use super::report::MAX_FAULTS;
use super::sftp::{Bound, Exit, Session, Source};
use super::survey::{self, FileState, Place, hash_chunks, right_prefix};
use super::{
    ChunkRecord, Fault, FileRecord, Order, Origin, Outcome, Report, TransferError, Verdict,
};

/// Why a transfer ended before everything was handed over.
#[derive(Debug)]
pub(super) enum Halt {
    /// The gate refused.
    Stopped(String),
    /// The data is not what was signed.
    Quarantined(Vec<Fault>),
    /// Something broke.
    Broken(TransferError),
}

impl From<TransferError> for Halt {
    fn from(error: TransferError) -> Self {
        Self::Broken(error)
    }
}

impl From<ManifestFault> for Halt {
    fn from(fault: ManifestFault) -> Self {
        Self::Quarantined(vec![Fault::of_manifest(&fault)])
    }
}

/// Fetches what `order` names, as long as `gate` lets it.
///
/// # Errors
/// Only [`TransferError::BadOrder`], before anything was begun. Whatever happens after that is a
/// report, so that what was learnt about the chunks is never lost.
pub async fn fetch<G: PermitGate + Sync>(order: &Order, gate: &G) -> Result<Report, TransferError> {
    order.check()?;
    let report = Report::empty(order.transfer_id, order.link_id);
    let mut transfer = Transfer { order, source: Source::new(order, gate), report };
    let outcome = match transfer.run().await {
        Ok(()) => Outcome::Verified,
        Err(Halt::Stopped(code)) => Outcome::Stopped(code),
        Err(Halt::Quarantined(faults)) => Outcome::Quarantined(faults),
        Err(Halt::Broken(error)) => {
            transfer.report.operator_note = error.operator_note();
            Outcome::failed(&error)
        }
    };
    Ok(Report { outcome, ..transfer.report })
}

struct Transfer<'a, G> {
    order: &'a Order,
    source: Source<'a, G>,
    report: Report,
}

/// What the steps after the manifest work on.
#[derive(Clone)]
struct Work {
    area: Arc<Area>,
    manifest: Arc<Manifest>,
}

impl<G: PermitGate + Sync> Transfer<'_, G> {
    async fn run(&mut self) -> Result<(), Halt> {
        self.source.ask().await?;
        let order = self.order.clone();
        let area = Arc::new(blocking(move || Area::open(&order)).await?);
        let manifest = Arc::new(self.fetch_manifest(&area).await?);
        let work = Work { area, manifest };
        self.compare_listing(&work.manifest).await?;
        let mut files = self.survey(&work).await?;
        while let Some(batch) = Batch::next(&work.manifest, &files, self.order.limits.batch_bytes) {
            self.source.ask().await?;
            self.move_batch(&work, &batch, &mut files).await?;
        }
        hand_over(work, files).await
    }

    /// Fetches the manifest and believes it if the environment's key signed it for this link.
    async fn fetch_manifest(&mut self, area: &Area) -> Result<Manifest, Halt> {
        let place = area.place_from_source(MANIFEST_FILE)?;
        let signature_place = area.place_from_source(SIGNATURE_FILE)?;
        let from = &self.order.source_dir;
        let script = format!(
            "get \"{from}/{MANIFEST_FILE}\" \"{}\"\nget \"{from}/{SIGNATURE_FILE}\" \"{}\"\n",
            place.display(),
            signature_place.display(),
        );
        let bound = Bound { max_file_bytes: MAX_MANIFEST_BYTES, one_at_a_time: false };
        let session = self.source.run(&script, bound).await?;
        match session.exit {
            Exit::Done => {}
            Exit::AtLimit => {
                return Err(ManifestFault::Malformed("it is longer than 128 MiB".into()).into());
            }
            Exit::CommandFailed => {
                return Err(TransferError::NoManifest { stderr: session.stderr }.into());
            }
            Exit::Unreachable => return Err(session.broken("fetching the manifest").into()),
        }
        let read =
            |path: &std::path::Path| std::fs::read(path).map_err(TransferError::area("read", path));
        let (bytes, signature) = (read(&place)?, read(&signature_place)?);
        let Order { manifest_key, environment, dataset, bounds, .. } = self.order;
        let manifest = manifest::verify(&bytes, &signature, manifest_key)?;
        self.report.manifest_sha256 = Some(Sha256::of(&bytes));
        manifest.check_fits(environment, dataset, bounds)?;
        let records = manifest.files.iter().map(|file| FileRecord {
            path: file.path.to_string(),
            size_bytes: file.size_bytes,
            sha256: file.sha256,
        });
        self.report.files = records.collect();
        self.source.progress.total_bytes = self.report.total_bytes();
        Ok(manifest)
    }

    /// Refuses a source that has other files than it signed, before any of them is moved.
    async fn compare_listing(&mut self, manifest: &Manifest) -> Result<(), Halt> {
        let from = &self.order.source_dir;
        let bound = Bound { max_file_bytes: 0, one_at_a_time: false };
        let session = self.source.run(&listing::script(from, manifest), bound).await?;
        if session.exit != Exit::Done {
            return Err(session.broken("reading the source's directories").into());
        }
        let faults = listing::compare(from, manifest, &session.stdout);
        if faults.is_empty() { Ok(()) } else { Err(Halt::Quarantined(faults)) }
    }

    /// Hashes what an earlier try left.
    async fn survey(&mut self, work: &Work) -> Result<Vec<FileState>, Halt> {
        let Work { area, manifest } = work.clone();
        let found = blocking(move || survey::survey(&area, &manifest)).await?;
        self.report.kept_bytes = right_bytes(&found.chunks);
        self.source.progress.verified_bytes = self.report.kept_bytes;
        self.report.chunks = found.chunks;
        Ok(found.files)
    }

    /// Moves one batch and hashes it. A wrong chunk is cut off and fetched once more, one request
    /// at a time, before it is believed to be wrong: some servers answer out of order.
    async fn move_batch(
        &mut self,
        work: &Work,
        batch: &Batch,
        files: &mut [FileState],
    ) -> Result<(), Halt> {
        let Some(suspect) = self.try_batch(work, batch, files, false).await? else { return Ok(()) };
        self.source.ask().await?;
        match self.try_batch(work, &suspect, files, true).await? {
            None => Ok(()),
            Some(wrong) => {
                let faults = wrong.slices.iter().map(|slice| {
                    let path = work.manifest.files[slice.file_no].path.as_str();
                    Fault::chunk(path, files[slice.file_no].verified_chunks as u64)
                });
                Err(Halt::Quarantined(faults.take(MAX_FAULTS).collect()))
            }
        }
    }

    /// Moves one batch once; gives back the part of it that has a wrong chunk.
    async fn try_batch(
        &mut self,
        work: &Work,
        batch: &Batch,
        files: &mut [FileState],
        one_at_a_time: bool,
    ) -> Result<Option<Batch>, Halt> {
        let mut script = String::new();
        let mut before = 0;
        for slice in &batch.slices {
            let file = &work.manifest.files[slice.file_no];
            let (length, _) = file.chunk_span(slice.from, work.manifest.chunk_bytes);
            let place = work.area.cut(&file.path, length)?;
            before += length;
            script.push_str(&format!(
                "reget \"{}/{}\" \"{}\"\n",
                self.order.source_dir,
                file.path,
                place.display()
            ));
        }
        let bound = Bound { max_file_bytes: batch.max_file_bytes, one_at_a_time };
        let session = self.source.run(&script, bound).await?;
        self.report.batch_count += 1;

        let (Work { area, manifest }, slices) = (work.clone(), batch.slices.clone());
        let arrived = blocking(move || inspect(&area, &manifest, &slices)).await?;
        let after: u64 = arrived.iter().map(|file| file.length).sum();
        self.report.fetched_bytes += after.saturating_sub(before);
        self.judge(work, batch, files, &session, &arrived)?;
        let suspects: Vec<Slice> = batch
            .slices
            .iter()
            .map(|slice| Slice { from: files[slice.file_no].verified_chunks, ..*slice })
            .filter(|slice| slice.from < slice.to)
            .collect();
        if suspects.is_empty() {
            return Ok(None);
        }
        Ok(Some(Batch { slices: suspects, ..*batch }))
    }

    /// Counts the right chunks, and tells a broken session from wrong data.
    fn judge(
        &mut self,
        work: &Work,
        batch: &Batch,
        files: &mut [FileState],
        session: &Session,
        arrived: &[Arrived],
    ) -> Result<(), Halt> {
        let ended = matches!(session.exit, Exit::Done | Exit::AtLimit);
        let (mut faults, mut short) = (Vec::new(), false);
        for (slice, file) in batch.slices.iter().zip(arrived) {
            let right = right_prefix(&file.chunks);
            let verified_chunks = slice.from + right;
            files[slice.file_no] = FileState { place: Place::Waiting, verified_chunks };
            self.source.progress.verified_bytes += right_bytes(&file.chunks);

            let signed = &work.manifest.files[slice.file_no];
            let (ends, _) = signed.chunk_span(slice.to, work.manifest.chunk_bytes);
            let ends = ends.min(signed.size_bytes);
            let came_short = file.length < ends;
            short |= came_short;
            if file.length > signed.size_bytes || (came_short && session.exit == Exit::Done) {
                let path = signed.path.as_str();
                faults.push(Fault::size(path, file.length, signed.size_bytes));
            }
            // A chunk that the session never finished says nothing about the source.
            let whole = ended && !came_short;
            let judged = file.chunks.iter();
            let judged = judged.filter(|chunk| whole || chunk.verdict == Verdict::Verified);
            self.report.chunks.extend(judged);
        }
        if !faults.is_empty() {
            faults.truncate(MAX_FAULTS);
            return Err(Halt::Quarantined(faults));
        }
        if short || !ended {
            return Err(session.clone().broken("fetching a file").into());
        }
        Ok(())
    }
}

/// What one slice looks like after its session.
struct Arrived {
    length: u64,
    chunks: Vec<ChunkRecord>,
}

fn inspect(
    area: &Area,
    manifest: &Manifest,
    slices: &[Slice],
) -> Result<Vec<Arrived>, TransferError> {
    let inspect_one = |slice: &Slice| {
        let place = area.waiting(&manifest.files[slice.file_no].path);
        let hash = || -> io::Result<Arrived> {
            let mut input = area::open(&place)?;
            let length = input.metadata()?.len();
            let range = (slice.from, slice.to);
            let chunks = hash_chunks(&mut input, manifest, slice.file_no, range, Origin::Fetched)?;
            Ok(Arrived { length, chunks })
        };
        hash().map_err(TransferError::area("read", &place))
    };
    slices.iter().map(inspect_one).collect()
}

/// Hashes every waiting file whole, and moves them out only if all of them are right.
async fn hand_over(work: Work, files: Vec<FileState>) -> Result<(), Halt> {
    let Work { area, manifest } = work;
    let faults = blocking(move || {
        let waiting = manifest.files.iter().zip(&files);
        let waiting = waiting.filter(|(_, state)| state.place != Place::Ready);
        let mut faults = Vec::new();
        for (file, _) in waiting.clone() {
            let place = area.waiting(&file.path);
            let hash = || Sha256::of_next(&mut area::open(&place)?, u64::MAX);
            let (sha256, length) = hash().map_err(TransferError::area("read", &place))?;
            if (sha256, length) != (file.sha256, file.size_bytes) {
                faults.push(Fault::whole(file.path.as_str()));
            }
        }
        if faults.is_empty() {
            waiting.clone().try_for_each(|(file, _)| area.hand_over(&file.path))?;
            area.finish()?;
        }
        Ok(faults)
    })
    .await?;
    if faults.is_empty() { Ok(()) } else { Err(Halt::Quarantined(faults)) }
}

fn right_bytes(chunks: &[ChunkRecord]) -> u64 {
    let right = chunks.iter().filter(|chunk| chunk.verdict == Verdict::Verified);
    right.map(|chunk| chunk.size_bytes).sum()
}

/// Runs work on files where it does not hold up the gate.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TransferError> + Send + 'static,
) -> Result<T, TransferError> {
    tokio::task::spawn_blocking(work).await.expect("work on files does not panic")
}
