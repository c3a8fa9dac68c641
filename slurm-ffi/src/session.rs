//! The session: libslurm, initialised once per process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{fs, io};

use crate::sys;

/// Proof that libslurm is initialised; every call asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    _made_here: (),
}

/// Why a session did not start.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// libslurm would wait a minute for a missing file and then end the process.
    #[error("Slurm's configuration {path} cannot be read; name a readable file in [slurm] conf")]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Without it the loss of a connection to slurmdbd would end the process.
    #[error(
        "this program was linked without exporting the names that Slurm's plugins look up \
         (see shim/stubs.c): build it with the crate's own build.rs"
    )]
    StubsNotExported,
    /// The program was built against the headers of another release.
    #[error(
        "this gateway was built for libslurm.so.{built_for} (Slurm {release}) but libslurm.so.{loaded} \
         was loaded; install the gateway built for this Slurm"
    )]
    OtherLibrary {
        /// SONAME major that belongs to the headers.
        built_for: u32,
        /// Release of the headers.
        release: String,
        /// SONAME major of the library.
        loaded: u32,
    },
}

impl Session {
    /// Initialises libslurm from `configuration`, which `SLURM_CONF` must name already.
    ///
    /// libslurm ends the process (exit 1, with a reason on standard error) when it cannot parse
    /// the file: call this only in a worker that somebody restarts.
    pub fn start(configuration: &Path) -> Result<Self, SessionError> {
        static STARTED: OnceLock<()> = OnceLock::new();
        // Readable now: the retries that libslurm makes for a missing file would look like a hang.
        fs::File::open(configuration).map_err(|source| SessionError::Configuration {
            path: configuration.to_owned(),
            source,
        })?;
        // SAFETY: asks the dynamic linker for a name; touches nothing of libslurm's.
        if unsafe { sys::shim_stubs_are_exported() } == 0 {
            return Err(SessionError::StubsNotExported);
        }
        let loaded = library_api_major();
        if loaded != built_for_api_major() {
            return Err(SessionError::OtherLibrary {
                built_for: built_for_api_major(),
                release: release(),
                loaded,
            });
        }
        STARTED.get_or_init(|| {
            // SAFETY: runs once per process (`OnceLock`), before any other call to libslurm,
            // because those need the `Session` that is made below.
            unsafe { sys::shim_init() }
        });
        Ok(Self { _made_here: () })
    }
}

/// The Slurm release this was built for, as `22.05.8`.
pub fn release() -> String {
    // SAFETY: returns a constant; touches no state.
    let number = unsafe { sys::shim_header_release() };
    format!("{}.{:02}.{}", number >> 16 & 0xff, number >> 8 & 0xff, number & 0xff)
}

/// The SONAME major that belongs to the headers this was built with.
pub fn built_for_api_major() -> u32 {
    // SAFETY: returns a constant; touches no state.
    unsafe { sys::shim_header_api_major() }
}

/// The SONAME major of the libslurm that was loaded.
pub fn library_api_major() -> u32 {
    // SAFETY: `slurm_api_version` returns a constant of the library and needs no initialisation.
    unsafe { sys::shim_library_api_major() }
}
