//! Moving time and money from one grant to another of the same fund.

use record::{GpuSeconds, MicroSek, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ledger::{AccountKind, GrantTransfer, LedgerError, OpenGrant},
    store::{
        Inconsistency,
        book::{Book, EntryKind, Movement},
        gpu_seconds,
        grant::opened,
        grant_move::{from_pool_and_fund, grant_covers, pool_and_fund_cover, something_moves},
        micro_sek,
        move_row::{MoveKind, MoveRow},
    },
};

/// Moves what one grant has free to another of its fund. The same again changes nothing.
///
/// That the pools of both are of one class is for the caller to check: the ledger knows no classes.
pub async fn transfer(
    tx: &mut PgConnection,
    request: &GrantTransfer,
    stamp: &Stamp<'_>,
) -> Result<(), LedgerError> {
    let (from, to) = both_ends(tx, request).await?;
    let book = Book::lock(tx, &[from.grant_id, to.grant_id]).await?;
    let row = row_of(request, &from, MoveKind::Transfer);
    if row.is_repeated(tx).await? {
        return Ok(());
    }
    something_moves(&row)?;
    grant_covers(&book, from.grant_id, &row)?;
    row.insert(tx, stamp).await?;
    let ends = ((from.grant_id, AccountKind::Free), (to.grant_id, AccountKind::Free));
    let movement = Movement::new(EntryKind::Transferred, row.transfer_id, ends.0, ends.1);
    let movement = Movement { gpu_seconds: row.gpu_seconds, usek: row.usek, ..movement };
    book.post_all(tx, &[movement], stamp).await?;
    audit(tx, "ledger.transfer", request, stamp).await
}

/// Grants again, to a later grant of the fund, what an earlier one lost when it expired.
///
/// Once for each grant that expired, and never more than it lost; how much of that is the fund's
/// rule and the caller's to compute. The same again changes nothing.
pub async fn carry_over(
    tx: &mut PgConnection,
    request: &GrantTransfer,
    stamp: &Stamp<'_>,
) -> Result<(), LedgerError> {
    let (from, to) = both_ends(tx, request).await?;
    let book = Book::lock(tx, &[to.fund_id, to.pool_id, from.grant_id, to.grant_id]).await?;
    let row = row_of(request, &from, MoveKind::CarryOver);
    if row.is_repeated(tx).await? {
        return Ok(());
    }
    something_moves(&row)?;
    carried_over_once(tx, from.grant_id).await?;
    let (expired, expired_usek) = expired_of(tx, from.grant_id).await?;
    if expired < row.gpu_seconds || expired_usek < row.usek {
        return Err(LedgerError::CarryOverAboveExpired {
            from_grant_id: from.grant_id,
            wanted: row.gpu_seconds,
            wanted_usek: row.usek,
            expired,
            expired_usek,
        });
    }
    pool_and_fund_cover(&book, &to, &row)?;
    row.insert(tx, stamp).await?;
    book.post_all(tx, &from_pool_and_fund(&to, EntryKind::CarriedOver, &row), stamp).await?;
    audit(tx, "ledger.carry_over", request, stamp).await
}

/// Both grants, if they are two and of one fund.
async fn both_ends(
    tx: &mut PgConnection,
    request: &GrantTransfer,
) -> Result<(OpenGrant, OpenGrant), LedgerError> {
    let from = opened(tx, request.from_grant_id).await?;
    let to = opened(tx, request.to_grant_id).await?;
    if from.grant_id == to.grant_id {
        return Err(LedgerError::SameGrant(from.grant_id));
    }
    if from.fund_id != to.fund_id {
        return Err(LedgerError::TransferMixesFunds {
            from_grant_id: from.grant_id,
            from_fund_id: from.fund_id,
            to_grant_id: to.grant_id,
            to_fund_id: to.fund_id,
        });
    }
    Ok((from, to))
}

fn row_of(request: &GrantTransfer, from: &OpenGrant, kind: MoveKind) -> MoveRow {
    MoveRow {
        transfer_id: request.transfer_id,
        kind,
        fund_id: from.fund_id,
        from_grant_id: Some(request.from_grant_id),
        to_grant_id: Some(request.to_grant_id),
        gpu_seconds: request.gpu_seconds,
        usek: request.usek,
    }
}

/// Refuses a second carry-over; asked under the lock of the grant, and again by a unique index.
async fn carried_over_once(tx: &mut PgConnection, grant_id: Uuid) -> Result<(), LedgerError> {
    let earlier = sqlx::query_scalar!(
        "select transfer_id from accounting.grant_move
         where from_grant_id = $1 and kind = 'carry_over'",
        grant_id,
    )
    .fetch_optional(tx)
    .await?;
    match earlier {
        None => Ok(()),
        Some(transfer_id) => {
            Err(LedgerError::AlreadyCarriedOver { from_grant_id: grant_id, transfer_id })
        }
    }
}

/// What a grant lost until now because its time had passed.
async fn expired_of(
    tx: &mut PgConnection,
    grant_id: Uuid,
) -> Result<(GpuSeconds, MicroSek), LedgerError> {
    let row = sqlx::query!(
        r#"
        select coalesce(sum(gpu_seconds), 0)::bigint as "gpu_seconds!",
            coalesce(sum(usek), 0)::bigint as "usek!"
        from accounting.grant_move where from_grant_id = $1 and kind = 'expire'
        "#,
        grant_id,
    )
    .fetch_one(tx)
    .await?;
    let place = |column| Inconsistency { table: "accounting.grant_move", column, row: grant_id };
    Ok((gpu_seconds(row.gpu_seconds, place("gpu_seconds"))?, micro_sek(row.usek, place("usek"))?))
}

async fn audit(
    tx: &mut PgConnection,
    action: &'static str,
    request: &GrantTransfer,
    stamp: &Stamp<'_>,
) -> Result<(), LedgerError> {
    let details = json!({
        "transfer_id": request.transfer_id,
        "from_grant_id": request.from_grant_id,
        "gpu_seconds": request.gpu_seconds,
        "usek": request.usek,
    });
    stamp.audit(tx, action, ("grant", request.to_grant_id), details).await?;
    Ok(())
}
