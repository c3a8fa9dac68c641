//! Why a transfer broke. Nothing here says anything about the data; a fault of the data is a
//! [`super::Fault`] in a report.

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// The most of the client's own words that is kept.
pub(super) const MAX_NOTE_BYTES: usize = 4096;

/// Why a transfer broke. Display is fit for a person; [`TransferError::operator_note`] is not.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The order itself is unfit.
    #[error("order {transfer_id} is refused: {what}")]
    BadOrder {
        /// Which.
        transfer_id: Uuid,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A program of the distribution could not be started.
    #[error("the program {program} could not be started; ask the operator to install it")]
    NotStarted {
        /// Which.
        program: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The source cannot be reached or does not let us in.
    #[error("the source could not be reached or refused the login; it is tried again later")]
    Unreachable {
        /// What the client said.
        stderr: String,
    },
    /// The source has no manifest.
    #[error("the source has no signed manifest (manifest.json and manifest.sig) in its directory")]
    NoManifest {
        /// What the client said.
        stderr: String,
    },
    /// The client gave up in the middle.
    #[error("the transfer broke while it was {doing}; it is tried again later")]
    Broken {
        /// What was being done.
        doing: &'static str,
        /// What the client said.
        stderr: String,
    },
    /// The whole transfer took too long.
    #[error("the transfer took longer than {deadline_s} s and was stopped; what came is kept")]
    DeadlinePassed {
        /// The bound.
        deadline_s: u64,
    },
    /// Somebody else works in the same area.
    #[error("another transfer works in the same area; it is tried again when that one is done")]
    AreaBusy {
        /// Which area.
        area: PathBuf,
    },
    /// Somebody but the mover could change files in the area.
    #[error("the project's area can be changed by others; ask the operator to set mode 0750")]
    AreaNotPrivate {
        /// Which directory.
        directory: PathBuf,
    },
    /// The area already has another file of that name.
    #[error("{path} is already in the project's area with other content; nothing was overwritten")]
    AreaOccupied {
        /// Relative to the area.
        path: String,
    },
    /// The area could not be read or written.
    #[error("the project's area could not be {doing}; ask the operator")]
    Area {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The mover ended without a report.
    #[error("the mover ended without a report; it is tried again later")]
    NoReport {
        /// What it said last.
        stderr: String,
    },
}

impl TransferError {
    /// Stable code for the API and the record.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadOrder { .. } => "transfer_bad_order",
            Self::NotStarted { .. } => "transfer_program_missing",
            Self::Unreachable { .. } => "source_unreachable",
            Self::NoManifest { .. } => "manifest_missing",
            Self::Broken { .. } => "transfer_broken",
            Self::DeadlinePassed { .. } => "transfer_deadline",
            Self::AreaBusy { .. } => "area_busy",
            Self::AreaNotPrivate { .. } => "area_not_private",
            Self::AreaOccupied { .. } => "area_occupied",
            Self::Area { .. } => "area_unusable",
            Self::NoReport { .. } => "mover_no_report",
        }
    }

    /// What the operator needs and a person must not see: paths and the client's own words.
    pub fn operator_note(&self) -> String {
        match self {
            Self::Unreachable { stderr }
            | Self::NoManifest { stderr }
            | Self::Broken { stderr, .. }
            | Self::NoReport { stderr } => stderr.clone(),
            Self::NotStarted { program, source } => format!("{program}: {source}"),
            Self::Area { path, source, .. } => format!("{}: {source}", path.display()),
            Self::AreaBusy { area } => area.display().to_string(),
            Self::AreaNotPrivate { directory } => directory.display().to_string(),
            Self::BadOrder { .. } | Self::DeadlinePassed { .. } | Self::AreaOccupied { .. } => {
                String::new()
            }
        }
    }

    /// Whether the same order may do better later.
    pub const fn retry(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::DeadlinePassed { .. }
            | Self::AreaBusy { .. }
            | Self::NoReport { .. } => true,
            Self::BadOrder { .. }
            | Self::NotStarted { .. }
            | Self::NoManifest { .. }
            | Self::AreaNotPrivate { .. }
            | Self::AreaOccupied { .. }
            | Self::Area { .. } => false,
        }
    }

    /// For `map_err` on work in the area.
    pub(super) fn area(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Area { doing, path: path.to_owned(), source }
    }
}
