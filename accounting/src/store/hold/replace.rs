//! Replacing a hold: a job still waits when a part's grant ends, and is admitted again.

use record::Stamp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    place::{HoldPlaced, Place, PlaceError, place},
    release::{ReleaseError, release},
    row,
};
use crate::{hold::ReleaseReason, store::book::Book};

/// Releases a hold as expired and places another of the same project, in one go.
///
/// What the old hold gives back is there for the new one. If the new one is refused, the caller
/// rolls back and the old one stands, or releases it. The same again changes nothing.
pub async fn replace(
    tx: &mut PgConnection,
    old_hold_id: Uuid,
    request: &Place,
    stamp: &Stamp<'_>,
) -> Result<HoldPlaced, PlaceError> {
    if old_hold_id == request.hold_id {
        return Err(PlaceError::HoldIdReused(old_hold_id)); // It would be closed and still answered.
    }
    let old = row::lock(tx, old_hold_id).await?.ok_or(ReleaseError::NoSuchHold(old_hold_id))?;
    let project_id = old.request.payer.project_id;
    if project_id != request.payer.project_id {
        return Err(PlaceError::ReplacesAnother { old_hold_id, project_id });
    }
    // The grants of both at once: two lockings after each other could wait in a circle.
    let old_grant_ids = old.hold.parts().iter().map(|part| part.grant_id);
    let grant_ids: Vec<Uuid> = old_grant_ids.chain(request.grant_ids.iter().copied()).collect();
    Book::lock(tx, &grant_ids).await?;
    release(tx, old_hold_id, ReleaseReason::Expired, stamp).await?;
    place(tx, request, stamp).await
}
