//! Manifests: what a dataset is, down to the chunk, in the words of whoever holds it.
//!
//! The source writes `manifest.json` and signs its exact bytes into `manifest.sig`. The manifest is
//! mandatory: encryption formats and file transfer alike let a truncated file or two swapped pieces
//! pass. Everything in a manifest is foreign until [`verify`] has accepted it, and even then it only
//! says what the source signed, not that the bytes are here.

use std::collections::BTreeSet;

use crate::digest::Sha256;
use crate::path::{PathFault, SafePath};
use crate::signature::{ManifestKey, SIGNATURE_BYTES};

/// Name of the manifest at the source.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Name of its detached signature at the source.
pub const SIGNATURE_FILE: &str = "manifest.sig";

/// The only format there is yet.
pub const VERSION: u32 = 1;

/// The chunk size a source uses when nobody asks for another.
pub const DEFAULT_CHUNK_BYTES: u64 = 64 * 1024 * 1024;

/// The smallest chunk, so that a manifest stays smaller than its data.
pub const MIN_CHUNK_BYTES: u64 = 1024;

/// The largest chunk, so that one wrong byte does not cost more than this to fetch again.
pub const MAX_CHUNK_BYTES: u64 = 1024 * 1024 * 1024;

/// The longest manifest that is read.
pub const MAX_MANIFEST_BYTES: u64 = 128 * 1024 * 1024;

/// The most files one manifest may name.
pub const MAX_FILE_COUNT: usize = 100_000;

/// The longest name of an environment, a dataset or a path that is repeated in a fault, in characters.
const MAX_SHOWN: usize = 120;

/// What the source says the dataset is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// Name of the environment that holds the dataset.
    pub environment: String,
    /// Name of the dataset, as permits name it.
    pub dataset: String,
    /// Size of every chunk of a file but its last.
    pub chunk_bytes: u64,
    /// Every file of the dataset.
    pub files: Vec<ManifestFile>,
}

/// One file of the dataset.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Relative to the directory the manifest lies in.
    pub path: SafePath,
    /// Length of the file.
    pub size_bytes: u64,
    /// Digest of the whole file.
    pub sha256: Sha256,
    /// Digest of each chunk, in order; none for an empty file.
    pub chunks: Vec<Sha256>,
}

/// What a link accepts of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Endings of the file names that may pass, lower case and without the dot ("csv", "tar.gz").
    pub allowed_types: Vec<String>,
    /// The most bytes that all files together may have.
    pub max_bytes: u64,
}

/// Why a manifest is not accepted. A transfer that meets one is quarantined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestFault {
    /// Signed by another key, or changed after it was signed, or not signed at all.
    #[error("the manifest is not signed by the environment's key; ask the source to sign it again")]
    WrongSignature,
    /// Not the JSON of a manifest.
    #[error("the manifest cannot be read: {0}")]
    Malformed(String),
    /// A format of another time.
    #[error("the manifest has version {0}; this broker reads version 1")]
    UnknownVersion(u32),
    /// Signed for another dataset or environment.
    #[error("the manifest is for {found}, and the link is for {wanted}")]
    ForAnother {
        /// What the manifest is for.
        found: String,
        /// What the link is for.
        wanted: String,
    },
    /// The chunk size is out of range.
    #[error("chunks of {0} bytes are not read; use 1 KiB to 1 GiB")]
    ChunkSize(u64),
    /// No file at all.
    #[error("the manifest names no file; there is nothing to fetch")]
    NoFiles,
    /// More files than [`MAX_FILE_COUNT`].
    #[error("the manifest names {0} files; at most 100000 pass in one link, so pack them")]
    TooManyFiles(usize),
    /// A path that leaves the area or that no tool of ours may see.
    #[error("the path of file {file_no} is not safe: {fault}")]
    UnsafePath {
        /// Position in the manifest, from 0.
        file_no: usize,
        /// What is wrong with the path.
        fault: PathFault,
    },
    /// The manifest's own names.
    #[error("the manifest names itself or its signature as a file")]
    NamesItself,
    /// Two files of one name, or a file where another file needs a directory.
    #[error("{0} is named twice, or both as a file and as a directory")]
    Duplicate(String),
    /// The number of chunk digests does not fit the size.
    #[error("{path} has {found} chunk digests where its size needs {wanted}")]
    ChunkCount {
        /// Which file.
        path: String,
        /// Digests its size needs.
        wanted: u64,
        /// Digests it has.
        found: u64,
    },
    /// The link does not let files of this kind through.
    #[error("{path} is not of an allowed type; the link lets {allowed} through")]
    TypeNotAllowed {
        /// Which file.
        path: String,
        /// The allowed endings.
        allowed: String,
    },
    /// More data than the link lets through.
    #[error("the dataset has {found} bytes; the link lets {allowed} through")]
    TooLarge {
        /// Bytes in the manifest.
        found: u64,
        /// Bytes allowed.
        allowed: u64,
    },
}

impl ManifestFault {
    /// Stable code for the API and the record.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WrongSignature => "manifest_wrong_signature",
            Self::Malformed(_) => "manifest_malformed",
            Self::UnknownVersion(_) => "manifest_unknown_version",
            Self::ForAnother { .. } => "manifest_for_another",
            Self::ChunkSize(_) => "manifest_chunk_size",
            Self::NoFiles => "manifest_no_files",
            Self::TooManyFiles(_) => "manifest_too_many_files",
            Self::UnsafePath { .. } => "manifest_unsafe_path",
            Self::NamesItself => "manifest_names_itself",
            Self::Duplicate(_) => "manifest_duplicate_path",
            Self::ChunkCount { .. } => "manifest_chunk_count",
            Self::TypeNotAllowed { .. } => "manifest_type_not_allowed",
            Self::TooLarge { .. } => "manifest_too_large",
        }
    }
}

/// Reads a manifest whose exact bytes `key` signed.
///
/// The signature is checked before a single byte is parsed.
pub fn verify(
    bytes: &[u8],
    signature: &[u8],
    key: &ManifestKey,
) -> Result<Manifest, ManifestFault> {
    if signature.len() != SIGNATURE_BYTES || !key.accepts(bytes, signature) {
        return Err(ManifestFault::WrongSignature);
    }
    let raw: RawManifest = serde_json::from_slice(bytes)
        .map_err(|error| ManifestFault::Malformed(shown(&error.to_string())))?;
    let manifest = raw.check_paths()?;
    manifest.check()?;
    Ok(manifest)
}

impl Manifest {
    /// The manifest as the source writes and signs it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("a manifest has only text and numbers");
        bytes.push(b'\n');
        bytes
    }

    /// Bytes of all files together; `None` above the range of 64 bits.
    pub fn total_bytes(&self) -> Option<u64> {
        self.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.size_bytes))
    }

    /// Refuses a manifest that is signed, but for something else than the link carries.
    pub fn check_fits(
        &self,
        environment: &str,
        dataset: &str,
        bounds: &Bounds,
    ) -> Result<(), ManifestFault> {
        if self.environment != environment || self.dataset != dataset {
            return Err(ManifestFault::ForAnother {
                found: shown(&format!("{} of {}", self.dataset, self.environment)),
                wanted: format!("{dataset} of {environment}"),
            });
        }
        let found = self.total_bytes().unwrap_or(u64::MAX);
        if found > bounds.max_bytes {
            return Err(ManifestFault::TooLarge { found, allowed: bounds.max_bytes });
        }
        for file in &self.files {
            if !bounds.allows_type_of(&file.path) {
                return Err(ManifestFault::TypeNotAllowed {
                    path: shown(file.path.as_str()),
                    allowed: bounds.allowed_types.join(", "),
                });
            }
        }
        Ok(())
    }

    /// The rules every manifest obeys, whatever link it is for.
    pub(crate) fn check(&self) -> Result<(), ManifestFault> {
        if self.version != VERSION {
            return Err(ManifestFault::UnknownVersion(self.version));
        }
        if !(MIN_CHUNK_BYTES..=MAX_CHUNK_BYTES).contains(&self.chunk_bytes) {
            return Err(ManifestFault::ChunkSize(self.chunk_bytes));
        }
        if self.files.is_empty() {
            return Err(ManifestFault::NoFiles);
        }
        if self.files.len() > MAX_FILE_COUNT {
            return Err(ManifestFault::TooManyFiles(self.files.len()));
        }
        let mut names = BTreeSet::new();
        for file in &self.files {
            let path = file.path.as_str();
            if path == MANIFEST_FILE || path == SIGNATURE_FILE {
                return Err(ManifestFault::NamesItself);
            }
            if !names.insert(path) {
                return Err(ManifestFault::Duplicate(shown(path)));
            }
            let wanted = file.size_bytes.div_ceil(self.chunk_bytes);
            let found = file.chunks.len() as u64;
            if wanted != found {
                return Err(ManifestFault::ChunkCount { path: shown(path), wanted, found });
            }
        }
        let mut directories = self.files.iter().flat_map(|file| file.path.ancestors());
        match directories.find(|directory| names.contains(directory)) {
            Some(both) => Err(ManifestFault::Duplicate(shown(both))),
            None => Ok(()),
        }
    }
}

impl ManifestFile {
    /// Where chunk `chunk_no` begins and how long it is.
    pub fn chunk_span(&self, chunk_no: usize, chunk_bytes: u64) -> (u64, u64) {
        let begins = chunk_no as u64 * chunk_bytes;
        (begins, chunk_bytes.min(self.size_bytes.saturating_sub(begins)))
    }
}

impl Bounds {
    /// Whether the file's name ends as the link allows. Upper and lower case are the same.
    pub fn allows_type_of(&self, path: &SafePath) -> bool {
        let name = path.as_str().to_lowercase();
        self.allowed_types.iter().any(|ending| {
            name.strip_suffix(ending.as_str()).is_some_and(|stem| stem.ends_with('.'))
        })
    }
}

/// A manifest before its paths are looked at, so that an unsafe path is named as such.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    version: u32,
    environment: String,
    dataset: String,
    chunk_bytes: u64,
    files: Vec<RawFile>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    path: String,
    size_bytes: u64,
    sha256: Sha256,
    chunks: Vec<Sha256>,
}

impl RawManifest {
    fn check_paths(self) -> Result<Manifest, ManifestFault> {
        let Self { version, environment, dataset, chunk_bytes, files } = self;
        let files = files.into_iter().enumerate().map(|(file_no, file)| {
            let RawFile { path, size_bytes, sha256, chunks } = file;
            let path = SafePath::new(&path)
                .map_err(|fault| ManifestFault::UnsafePath { file_no, fault })?;
            Ok(ManifestFile { path, size_bytes, sha256, chunks })
        });
        let files = files.collect::<Result<_, ManifestFault>>()?;
        Ok(Manifest { version, environment, dataset, chunk_bytes, files })
    }
}

/// Foreign text, cut to a length that fits a message.
fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}

#[cfg(test)]
mod tests;
