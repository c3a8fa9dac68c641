//! Releasing a hold that nothing came of.

use record::{GpuSeconds, MicroSek, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    hold::{HoldError, HoldState, ReleaseReason},
    spread::total,
    store::{
        book::Book,
        hold::{row, write},
    },
};

/// What went back to the grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HoldReleased {
    /// The time.
    pub gpu_seconds: GpuSeconds,
    /// The money.
    pub usek: MicroSek,
}

/// Why a hold was not released.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The id names no hold.
    #[error("hold {0} does not exist")]
    NoSuchHold(Uuid),
    /// The hold was settled, or released for another reason.
    #[error("the hold refused")]
    Hold(#[from] HoldError),
    /// The database failed.
    #[error("reading or writing holds")]
    Database(#[from] sqlx::Error),
}

impl ReleaseError {
    /// The stable code of the refusal.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchHold(_) => "release_hold_unknown",
            Self::Hold(_) => "release_hold_closed",
            Self::Database(_) => "release_database",
        }
    }
}

/// Closes the hold without a charge and gives all of it back to its grants.
///
/// The same release again changes nothing.
pub async fn release(
    tx: &mut PgConnection,
    hold_id: Uuid,
    reason: ReleaseReason,
    stamp: &Stamp<'_>,
) -> Result<HoldReleased, ReleaseError> {
    let stored = row::lock(tx, hold_id).await?.ok_or(ReleaseError::NoSuchHold(hold_id))?;
    let (gpu_seconds, usek) =
        total(stored.hold.parts().iter()).ok_or(HoldError::OutOfRange(hold_id))?;
    let answer = HoldReleased { gpu_seconds, usek };
    if matches!(stored.hold.state(), HoldState::Released { reason: earlier, .. } if earlier == reason)
    {
        return Ok(answer);
    }
    let (hold, returned) = stored.hold.release(reason, stamp.now)?;
    let grant_ids: Vec<Uuid> = returned.iter().map(|part| part.grant_id).collect();
    let book = Book::lock(tx, &grant_ids).await?;
    let movements: Vec<_> = write::returned(hold_id, &returned).collect();
    book.post_all(tx, &movements, stamp).await?;
    write::close(tx, &hold).await?;
    let details = json!({ "reason": reason, "gpu_seconds": gpu_seconds, "usek": usek });
    stamp.audit(tx, "hold.release", ("hold", hold_id), details).await?;
    Ok(answer)
}
