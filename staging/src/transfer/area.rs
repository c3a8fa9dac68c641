//! The project's area on our side: where files wait, and how they are handed over.
//!
//! The area belongs to the mover; the project's group may read it and nobody else may change it, so
//! no foreign symbolic link can stand in our way. Files wait in `.incoming` (mode 0700) and are moved
//! out only when all of them are right, with mode 0440, never over another file.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, Gid, OFlags, RenameFlags, fchown, flock, renameat_with};

use crate::manifest::Manifest;
use crate::path::SafePath;

use super::{Order, TransferError};

/// Where files wait until all of them are verified. No [`SafePath`] can name it.
const INCOMING: &str = ".incoming";

/// Where the manifest and its signature wait, below [`INCOMING`].
const FROM_SOURCE: &str = ".source";

/// A locked area.
#[derive(Debug)]
pub(super) struct Area {
    root: PathBuf,
    gid: Gid,
    /// The area itself, locked; closing it lets the next transfer in.
    lock: File,
}

impl Area {
    /// Makes the area if it is not there, refuses one that others can change, and locks it.
    pub(super) fn open(order: &Order) -> Result<Self, TransferError> {
        let (root, gid) = (order.area.clone(), Gid::from_raw(order.gid));
        make_missing(&root, gid)?;
        check_private(&root)?;
        let lock = File::open(&root).map_err(TransferError::area("opened", &root))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(TransferError::AreaBusy { area: root });
            }
            Err(error) => return Err(TransferError::area("locked", &root)(error.into())),
        }
        let area = Self { root, gid, lock };
        let incoming = area.root.join(INCOMING);
        private_directory(&incoming)?;
        check_private(&incoming)?;
        Ok(area)
    }

    /// Where `path` waits.
    pub(super) fn waiting(&self, path: &SafePath) -> PathBuf {
        self.root.join(INCOMING).join(path.as_str())
    }

    /// Where `path` ends up.
    pub(super) fn ready(&self, path: &SafePath) -> PathBuf {
        self.root.join(path.as_str())
    }

    /// An empty place for what comes before the manifest is known.
    pub(super) fn place_from_source(&self, name: &str) -> Result<PathBuf, TransferError> {
        let directory = self.root.join(INCOMING).join(FROM_SOURCE);
        private_directory(&directory)?;
        let place = directory.join(name);
        create(&place)
            .and_then(|file| file.set_len(0))
            .map_err(TransferError::area("written", &place))?;
        Ok(place)
    }

    /// Makes sure `path` waits with exactly `length` bytes, of which the caller vouches for all.
    pub(super) fn cut(&self, path: &SafePath, length: u64) -> Result<PathBuf, TransferError> {
        let incoming = self.root.join(INCOMING);
        for directory in path.ancestors() {
            private_directory(&incoming.join(directory))?;
        }
        let place = self.waiting(path);
        create(&place)
            .and_then(|file| file.set_len(length))
            .map_err(TransferError::area("written", &place))?;
        Ok(place)
    }

    /// Removes everything that waits and that `manifest` does not name as a file.
    pub(super) fn remove_strangers(&self, manifest: &Manifest) -> Result<(), TransferError> {
        let mut known = BTreeSet::from([PathBuf::from(FROM_SOURCE)]);
        for file in &manifest.files {
            known.insert(file.path.as_str().into());
            known.extend(file.path.ancestors().map(PathBuf::from));
        }
        let incoming = self.root.join(INCOMING);
        remove_unknown(&incoming, Path::new(""), &known)
            .map_err(TransferError::area("cleared", &incoming))
    }

    /// Moves one verified file to its place: read-only, readable by the project's group.
    pub(super) fn hand_over(&self, path: &SafePath) -> Result<(), TransferError> {
        let (waiting, ready) = (self.waiting(path), self.ready(path));
        let file = open(&waiting).map_err(TransferError::area("read", &waiting))?;
        let settle = || -> io::Result<()> {
            fchown(&file, None, Some(self.gid))?;
            file.set_permissions(Permissions::from_mode(0o440))?;
            file.sync_all()
        };
        settle().map_err(TransferError::area("handed over", &waiting))?;
        for directory in path.ancestors() {
            group_directory(&self.root.join(directory), self.gid)?;
        }
        match renameat_with(CWD, &waiting, CWD, &ready, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::EXIST) => {
                Err(TransferError::AreaOccupied { path: path.to_string() })
            }
            Err(error) => Err(TransferError::area("handed over", &ready)(error.into())),
        }
    }

    /// Removes what waited, once all of it is handed over, and lets the project in.
    pub(super) fn finish(&self) -> Result<(), TransferError> {
        let incoming = self.root.join(INCOMING);
        fs::remove_dir_all(&incoming).map_err(TransferError::area("cleared", &incoming))?;
        let admit = || -> io::Result<()> {
            fchown(&self.lock, None, Some(self.gid))?;
            self.lock.set_permissions(Permissions::from_mode(0o750))?;
            self.lock.sync_all()
        };
        admit().map_err(TransferError::area("handed over", &self.root))
    }
}

/// Opens a plain file for reading, never through a symbolic link.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "this is not a plain file"))
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
}

/// Makes the area and what is missing above it.
fn make_missing(root: &Path, gid: Gid) -> Result<(), TransferError> {
    let above: Vec<&Path> = root.ancestors().collect();
    for directory in above.into_iter().rev() {
        if fs::symlink_metadata(directory).is_err() {
            group_directory(directory, gid)?;
        }
    }
    Ok(())
}

/// A directory the project's group may read; left alone where it is.
fn group_directory(directory: &Path, gid: Gid) -> Result<(), TransferError> {
    let make = || -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(directory) {
            Ok(()) => {
                let opened = File::open(directory)?;
                fchown(&opened, None, Some(gid))?;
                opened.set_permissions(Permissions::from_mode(0o750))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    };
    make().map_err(TransferError::area("made", directory))
}

/// A directory only the mover may look into; left alone where it is.
fn private_directory(directory: &Path) -> Result<(), TransferError> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(TransferError::area("made", directory)(error))
        }
        _ => Ok(()),
    }
}

fn check_private(directory: &Path) -> Result<(), TransferError> {
    let found =
        fs::symlink_metadata(directory).map_err(TransferError::area("looked at", directory))?;
    let ours = found.uid() == rustix::process::geteuid().as_raw();
    if found.is_dir() && ours && found.mode() & 0o022 == 0 {
        Ok(())
    } else {
        Err(TransferError::AreaNotPrivate { directory: directory.to_owned() })
    }
}

fn remove_unknown(base: &Path, relative: &Path, known: &BTreeSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(base.join(relative))? {
        let entry = entry?;
        let name = relative.join(entry.file_name());
        let is_directory = entry.file_type()?.is_dir();
        if !known.contains(&name) {
            if is_directory {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        } else if is_directory && name != Path::new(FROM_SOURCE) {
            remove_unknown(base, &name, known)?;
        }
    }
    Ok(())
}
