//! Writing a hold: its rows, and the movements that set it aside and give it back.

use record::{MicroSek, Stamp};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    hold::{Hold, HoldPart, HoldState, Place, PlaceError, ReleaseReason},
    ledger::AccountKind,
    store::{
        book::{Book, EntryKind, Movement},
        broke,
    },
};

/// Writes a hold that is open.
pub(super) async fn insert(
    tx: &mut PgConnection,
    request: &Place,
    usek: MicroSek,
    stamp: &Stamp<'_>,
) -> Result<(), PlaceError> {
    let inserted = sqlx::query!(
        "insert into accounting.hold (hold_id, attempt_id, agency_id, project_id,
             offered_grant_ids, gpu_seconds, usek, rate_id, placed_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        request.hold_id,
        request.attempt_id,
        request.payer.agency_id,
        request.payer.project_id,
        &request.grant_ids,
        request.gpu_seconds.get(),
        usek.get(),
        request.rate_id,
        stamp.now,
        request.expires_at,
    )
    .execute(tx)
    .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if broke(&error, "hold_one_open_per_attempt") => {
            Err(PlaceError::AttemptHasHold(request.attempt_id))
        }
        // The same id at the same time over other grants: the row locks did not make them queue.
        Err(error) if broke(&error, "hold_pkey") => Err(PlaceError::HoldIdReused(request.hold_id)),
        Err(error) => Err(error.into()),
    }
}

/// Writes how much of which grant a hold sets aside.
pub(super) async fn insert_parts(
    tx: &mut PgConnection,
    hold_id: Uuid,
    parts: &[HoldPart],
) -> Result<(), sqlx::Error> {
    for (part_no, part) in (0_i64..).zip(parts) {
        sqlx::query!(
            "insert into accounting.hold_part (hold_id, part_no, grant_id, gpu_seconds, usek)
             values ($1, $2, $3, $4, $5)",
            hold_id,
            part_no,
            part.grant_id,
            part.gpu_seconds.get(),
            part.usek.get(),
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Writes the end of a hold. A hold that is open has no end and is left as it is.
pub(super) async fn close(tx: &mut PgConnection, hold: &Hold) -> Result<(), sqlx::Error> {
    match hold.state() {
        HoldState::Open => return Ok(()),
        HoldState::Settled { gpu_seconds, usek, at } => {
            sqlx::query!(
                "update accounting.hold
                 set state = 'settled', closed_at = $2, settled_gpu_seconds = $3, settled_usek = $4
                 where hold_id = $1 and state = 'open'",
                hold.hold_id,
                at,
                gpu_seconds.get(),
                usek.get(),
            )
            .execute(tx)
            .await?;
        }
        HoldState::Released { reason, at } => {
            sqlx::query!(
                "update accounting.hold
                 set state = 'released', closed_at = $2, release_reason = $3
                 where hold_id = $1 and state = 'open'",
                hold.hold_id,
                at,
                reason as ReleaseReason,
            )
            .execute(tx)
            .await?;
        }
    }
    Ok(())
}

/// Sets parts of a hold aside from what their grants have free.
pub(super) async fn set_aside(
    tx: &mut PgConnection,
    book: &Book,
    (hold_id, parts): (Uuid, &[HoldPart]),
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    let ways = (EntryKind::Held, AccountKind::Free, AccountKind::Held);
    let movements: Vec<_> = parts.iter().map(|part| movement(hold_id, part, ways)).collect();
    book.post_all(tx, &movements, stamp).await
}

/// Gives parts of a hold back to their grants.
pub(super) async fn give_back(
    tx: &mut PgConnection,
    book: &Book,
    (hold_id, parts): (Uuid, &[HoldPart]),
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    let ways = (EntryKind::Returned, AccountKind::Held, AccountKind::Free);
    let movements: Vec<_> = parts.iter().map(|part| movement(hold_id, part, ways)).collect();
    book.post_all(tx, &movements, stamp).await
}

fn movement(
    hold_id: Uuid,
    part: &HoldPart,
    (kind, from, to): (EntryKind, AccountKind, AccountKind),
) -> Movement {
    Movement {
        kind,
        transfer_id: hold_id,
        from: (part.grant_id, from),
        to: (part.grant_id, to),
        gpu_seconds: part.gpu_seconds,
        usek: part.usek,
        hold_id: Some(hold_id),
        run_id: None,
    }
}
