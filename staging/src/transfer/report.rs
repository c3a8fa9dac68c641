//! Reports: what one try to fetch a link did and found.
//!
//! A report is made by the mover, printed as JSON, and kept by [`crate::link::record_report`]. Names
//! of files are in it and may be personal; the record seals numbers and digests only.

use uuid::Uuid;

use crate::digest::Sha256;
use crate::manifest::ManifestFault;

use super::TransferError;

/// The most faults that are named; one is enough to quarantine.
pub(super) const MAX_FAULTS: usize = 50;

/// What one try did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Report {
    /// Which try.
    pub transfer_id: Uuid,
    /// Of which link.
    pub link_id: Uuid,
    /// How it ended.
    pub outcome: Outcome,
    /// Digest of the manifest's exact bytes, once its signature was accepted.
    pub manifest_sha256: Option<Sha256>,
    /// The manifest's files in its order; positions are the `file_no` of the chunks.
    pub files: Vec<FileRecord>,
    /// Every chunk that was hashed, in the order it was.
    pub chunks: Vec<ChunkRecord>,
    /// Bytes this try moved, wrong ones included.
    pub fetched_bytes: u64,
    /// Bytes that an earlier try had left and that were verified again.
    pub kept_bytes: u64,
    /// Sessions that moved data.
    pub batch_count: u64,
    /// What the `sftp` client said, for the operator's eyes only. Never shown to a person.
    pub operator_note: String,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every byte is what the source signed, and the files are in the project's area.
    Verified,
    /// Something is not what the source signed or the link lets through. Nothing was handed over.
    Quarantined(Vec<Fault>),
    /// The gate refused, with this code. What was verified waits for another try.
    Stopped(String),
    /// The transfer itself broke. Another try may do better.
    Failed {
        /// Stable code.
        code: String,
        /// A sentence for a person.
        message: String,
        /// Whether the same order may do better later.
        retry: bool,
    },
}

impl Outcome {
    /// The outcome of a try that broke.
    pub(super) fn failed(error: &TransferError) -> Self {
        let (code, message) = (error.code().to_owned(), error.to_string());
        Self::Failed { code, message, retry: error.retry() }
    }
}

/// One thing that is wrong with the data.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fault {
    /// Stable code.
    pub code: String,
    /// Which file; `None` for the manifest itself.
    pub path: Option<String>,
    /// Which chunk of the file, from 0.
    pub chunk_no: Option<u64>,
    /// A sentence for a person.
    pub message: String,
}

/// One file of the manifest.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileRecord {
    /// Relative to the area.
    pub path: String,
    /// Length.
    pub size_bytes: u64,
    /// Digest the source signed.
    pub sha256: Sha256,
}

/// One chunk that was hashed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChunkRecord {
    /// Position of the file in the manifest, from 0.
    pub file_no: u64,
    /// Position of the chunk in the file, from 0.
    pub chunk_no: u64,
    /// Bytes that were there to hash.
    pub size_bytes: u64,
    /// Their digest.
    pub sha256: Sha256,
    /// Where they came from.
    pub origin: Origin,
    /// Whether they are what the source signed.
    pub verdict: Verdict,
}

/// Where the bytes of a chunk came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "staging.chunk_origin", rename_all = "snake_case")]
pub enum Origin {
    /// This try moved them.
    Fetched,
    /// An earlier try left them here.
    Kept,
}

/// Whether a chunk is what the source signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "staging.chunk_verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It is.
    Verified,
    /// It is not.
    Wrong,
}

impl Report {
    /// A report of a try that has done nothing yet.
    pub(crate) fn empty(transfer_id: Uuid, link_id: Uuid) -> Self {
        Self {
            transfer_id,
            link_id,
            outcome: Outcome::Verified,
            manifest_sha256: None,
            files: Vec::new(),
            chunks: Vec::new(),
            fetched_bytes: 0,
            kept_bytes: 0,
            batch_count: 0,
            operator_note: String::new(),
        }
    }

    /// The report of a try that broke before it could tell anything about the data.
    pub fn failed(transfer_id: Uuid, link_id: Uuid, error: &TransferError) -> Self {
        Self {
            outcome: Outcome::failed(error),
            operator_note: error.operator_note(),
            ..Self::empty(transfer_id, link_id)
        }
    }

    /// Whether the files are in the project's area.
    pub fn is_verified(&self) -> bool {
        self.outcome == Outcome::Verified
    }

    /// Bytes of the manifest's files together.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }
}

impl Fault {
    /// A fault of the manifest itself.
    pub(super) fn of_manifest(fault: &ManifestFault) -> Self {
        Self {
            code: fault.code().to_owned(),
            path: None,
            chunk_no: None,
            message: fault.to_string(),
        }
    }

    /// The source has a file that nobody signed.
    pub(super) fn extra(path: &str) -> Self {
        Self::of_file("file_extra", path, "is at the source but not in the signed manifest")
    }

    /// The manifest has a file that the source has not.
    pub(super) fn missing(path: &str) -> Self {
        Self::of_file("file_missing", path, "is in the signed manifest but not at the source")
    }

    /// The file's length is another.
    pub(super) fn size(path: &str, found: u64, wanted: u64) -> Self {
        let what = format!("has {found} bytes at the source where {wanted} were signed");
        Self::of_file("file_size", path, &what)
    }

    /// The whole file is another although each chunk was right when it came.
    pub(super) fn whole(path: &str) -> Self {
        Self::of_file("file_changed", path, "is not what was signed once it was put together")
    }

    /// The content of one chunk is another.
    pub(crate) fn chunk(path: &str, chunk_no: u64) -> Self {
        let what = format!("differs from what was signed in chunk {chunk_no}");
        Self { chunk_no: Some(chunk_no), ..Self::of_file("chunk_wrong", path, &what) }
    }

    fn of_file(code: &str, path: &str, what: &str) -> Self {
        Self {
            code: code.to_owned(),
            path: Some(path.to_owned()),
            chunk_no: None,
            message: format!("{path} {what}"),
        }
    }
}
