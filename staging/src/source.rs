//! The source's side: describe a directory in a manifest, sign it, and lay both beside the data.
//!
//! Environments that stand outside the broker run this (as `mimer-mover sign`) or a program of their
//! own. The broker itself never signs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::{Hasher, Sha256, each_block};
use crate::manifest::{
    MANIFEST_FILE, Manifest, ManifestFault, ManifestFile, SIGNATURE_FILE, VERSION,
};
use crate::path::{PathFault, SafePath};
use crate::signature::SigningKey;

/// What to sign.
#[derive(Clone, Debug)]
pub struct Dataset<'a> {
    /// The directory that holds the dataset; every file below it is part of it.
    pub directory: &'a Path,
    /// Name of the environment, as the broker knows it.
    pub environment: &'a str,
    /// Name of the dataset, as permits name it.
    pub dataset: &'a str,
    /// Size of a chunk; [`crate::manifest::DEFAULT_CHUNK_BYTES`] unless there is a reason.
    pub chunk_bytes: u64,
}

/// Why a directory was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A file or directory could not be read, or the manifest not written.
    #[error("reading or writing {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A name that no broker would accept.
    #[error("{path} cannot be in a manifest: {fault}")]
    UnsafePath {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        fault: PathFault,
    },
    /// Neither a file nor a directory.
    #[error("{0} is neither a plain file nor a directory; remove it or copy what it points to")]
    NotPlain(PathBuf),
    /// The directory as a whole breaks a rule of manifests.
    #[error("this directory cannot be signed")]
    Manifest(#[from] ManifestFault),
}

/// Describes every file of the dataset, signs that, and writes `manifest.json` and `manifest.sig`.
pub fn sign(dataset: &Dataset<'_>, key: &SigningKey) -> Result<Manifest, SignError> {
    let manifest = describe(dataset)?;
    let bytes = manifest.to_bytes();
    write(&dataset.directory.join(MANIFEST_FILE), &bytes)?;
    write(&dataset.directory.join(SIGNATURE_FILE), &key.sign(&bytes))?;
    Ok(manifest)
}

/// Describes every file of the dataset without signing or writing anything.
pub fn describe(dataset: &Dataset<'_>) -> Result<Manifest, SignError> {
    let mut paths = Vec::new();
    collect(dataset.directory, "", &mut paths)?;
    paths.sort();
    // The chunk size is checked before it divides anything.
    let mut manifest = Manifest {
        version: VERSION,
        environment: dataset.environment.to_owned(),
        dataset: dataset.dataset.to_owned(),
        chunk_bytes: dataset.chunk_bytes,
        files: Vec::new(),
    };
    if dataset.chunk_bytes == 0 {
        return Err(ManifestFault::ChunkSize(0).into());
    }
    for path in paths {
        manifest.files.push(describe_file(dataset, path)?);
    }
    manifest.check()?;
    Ok(manifest)
}

fn describe_file(dataset: &Dataset<'_>, path: SafePath) -> Result<ManifestFile, SignError> {
    let place = dataset.directory.join(path.as_str());
    let failed = |source| SignError::Io { path: place.clone(), source };
    let mut input = File::open(&place).map_err(failed)?;
    let (mut whole, mut chunks, mut size_bytes) = (Hasher::new(), Vec::new(), 0);
    loop {
        let mut chunk = Hasher::new();
        let found = each_block(&mut input, dataset.chunk_bytes, |block| {
            whole.update(block);
            chunk.update(block);
        })
        .map_err(failed)?;
        if found == 0 {
            break;
        }
        chunks.push(chunk.finish());
        size_bytes += found;
    }
    let sha256: Sha256 = whole.finish();
    Ok(ManifestFile { path, size_bytes, sha256, chunks })
}

/// Every plain file below `directory`, but the manifest and its signature at the top.
fn collect(directory: &Path, prefix: &str, paths: &mut Vec<SafePath>) -> Result<(), SignError> {
    let failed = |source| SignError::Io { path: directory.to_owned(), source };
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if prefix.is_empty() && (name == MANIFEST_FILE || name == SIGNATURE_FILE) {
            continue;
        }
        let relative = format!("{prefix}{name}");
        let unsafe_path = |fault| SignError::UnsafePath { path: entry.path(), fault };
        let path = SafePath::new(&relative).map_err(unsafe_path)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            collect(&entry.path(), &format!("{relative}/"), paths)?;
        } else if kind.is_file() {
            paths.push(path);
        } else {
            return Err(SignError::NotPlain(entry.path()));
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), SignError> {
    fs::write(path, bytes).map_err(|source| SignError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;

    fn dataset(directory: &Path) -> Dataset<'_> {
        Dataset { directory, environment: "vesta", dataset: "stroke", chunk_bytes: 1024 }
    }

    #[test]
    fn a_signed_directory_is_described_whole_and_signing_again_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("år")).unwrap();
        fs::write(directory.path().join("år/b.csv"), vec![7; 2500]).unwrap();
        fs::write(directory.path().join("a.csv"), []).unwrap();
        let key = SigningKey::generate().unwrap();

        let manifest = sign(&dataset(directory.path()), &key).unwrap();
        assert_eq!(sign(&dataset(directory.path()), &key).unwrap(), manifest);
        let sizes: Vec<_> = manifest
            .files
            .iter()
            .map(|f| (f.path.as_str(), f.size_bytes, f.chunks.len()))
            .collect();
        assert_eq!(sizes, [("a.csv", 0, 0), ("år/b.csv", 2500, 3)]);

        let bytes = fs::read(directory.path().join(MANIFEST_FILE)).unwrap();
        let signature = fs::read(directory.path().join(SIGNATURE_FILE)).unwrap();
        assert_eq!(manifest::verify(&bytes, &signature, &key.public()), Ok(manifest));
    }

    #[test]
    fn a_symbolic_link_is_not_signed() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.path().join("a.csv")).unwrap();
        let refused = describe(&dataset(directory.path()));
        assert!(matches!(refused, Err(SignError::NotPlain(_))));
    }
}
