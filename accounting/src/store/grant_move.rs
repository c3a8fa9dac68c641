//! Moving time and money between a grant and its pool and fund.
//!
//! Fund, pool and grant are locked together, in the order of every lock of the book.

use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ledger::{AccountKind, GrantMove, LedgerError, OpenGrant},
    store::{
        book::{Book, EntryKind, Movement},
        grant::opened,
        move_row::{self, MoveKind, MoveRow},
    },
};

/// Grants more: time from the grant's pool and money from its fund. The same again changes nothing.
pub async fn top_up(
    tx: &mut PgConnection,
    request: &GrantMove,
    stamp: &Stamp<'_>,
) -> Result<(), LedgerError> {
    let grant = opened(tx, request.grant_id).await?;
    let book = lock(tx, &grant).await?;
    let row = row_of(request, &grant, MoveKind::TopUp);
    if row.is_repeated(tx).await? {
        return Ok(());
    }
    something_moves(&row)?;
    pool_and_fund_cover(&book, &grant, &row)?;
    row.insert(tx, stamp).await?;
    book.post_all(tx, &from_pool_and_fund(&grant, EntryKind::Granted, &row), stamp).await?;
    audit(tx, "ledger.top_up", request, stamp).await
}

/// Gives free time and money back to pool and fund. The same again changes nothing.
pub async fn give_back(
    tx: &mut PgConnection,
    request: &GrantMove,
    stamp: &Stamp<'_>,
) -> Result<(), LedgerError> {
    let grant = opened(tx, request.grant_id).await?;
    let book = lock(tx, &grant).await?;
    let row = row_of(request, &grant, MoveKind::GiveBack);
    if row.is_repeated(tx).await? {
        return Ok(());
    }
    something_moves(&row)?;
    grant_covers(&book, request.grant_id, &row)?;
    row.insert(tx, stamp).await?;
    book.post_all(tx, &to_pool_and_fund(&grant, EntryKind::GivenBack, &row), stamp).await?;
    audit(tx, "ledger.give_back", request, stamp).await
}

/// Gives everything that is free back to pool and fund because the grant's time has passed.
///
/// Tells what moved, which may be nothing. The same id again moves nothing more and tells the same;
/// what holds return to the grant later is for another expiry.
pub async fn expire(
    tx: &mut PgConnection,
    transfer_id: Uuid,
    grant_id: Uuid,
    stamp: &Stamp<'_>,
) -> Result<GrantMove, LedgerError> {
    let grant = opened(tx, grant_id).await?;
    let book = lock(tx, &grant).await?;
    if let Some(earlier) = move_row::find(tx, transfer_id).await? {
        let MoveRow { kind, from_grant_id, gpu_seconds, usek, .. } = earlier;
        return if (kind, from_grant_id) == (MoveKind::Expire, Some(grant_id)) {
            Ok(GrantMove { transfer_id, grant_id, gpu_seconds, usek })
        } else {
            Err(LedgerError::TransferIdReused(transfer_id))
        };
    }
    let gpu_seconds = book.gpu_seconds(grant_id, AccountKind::Free)?;
    let usek = book.usek(grant_id, AccountKind::Free)?;
    let expired = GrantMove { transfer_id, grant_id, gpu_seconds, usek };
    let row = row_of(&expired, &grant, MoveKind::Expire);
    row.insert(tx, stamp).await?;
    book.post_all(tx, &to_pool_and_fund(&grant, EntryKind::Expired, &row), stamp).await?;
    audit(tx, "ledger.expire", &expired, stamp).await?;
    Ok(expired)
}

async fn lock(tx: &mut PgConnection, grant: &OpenGrant) -> Result<Book, sqlx::Error> {
    Book::lock(tx, &[grant.fund_id, grant.pool_id, grant.grant_id]).await
}

fn row_of(request: &GrantMove, grant: &OpenGrant, kind: MoveKind) -> MoveRow {
    let GrantMove { transfer_id, grant_id, gpu_seconds, usek } = *request;
    let (from_grant_id, to_grant_id) = match kind {
        MoveKind::TopUp => (None, Some(grant_id)),
        MoveKind::GiveBack | MoveKind::Expire | MoveKind::Transfer | MoveKind::CarryOver => {
            (Some(grant_id), None)
        }
    };
    let fund_id = grant.fund_id;
    MoveRow { transfer_id, kind, fund_id, from_grant_id, to_grant_id, gpu_seconds, usek }
}

/// Refuses a movement of nothing.
pub(super) fn something_moves(row: &MoveRow) -> Result<(), LedgerError> {
    if row.gpu_seconds.get() == 0 && row.usek.get() == 0 {
        return Err(LedgerError::NothingToMove(row.transfer_id));
    }
    Ok(())
}

/// Refuses more than a grant's pool and fund have left.
pub(super) fn pool_and_fund_cover(
    book: &Book,
    &OpenGrant { pool_id, fund_id, .. }: &OpenGrant,
    row: &MoveRow,
) -> Result<(), LedgerError> {
    let available = book.gpu_seconds(pool_id, AccountKind::Pool)?;
    if available < row.gpu_seconds {
        return Err(LedgerError::PoolShort { pool_id, wanted: row.gpu_seconds, available });
    }
    let available = book.usek(fund_id, AccountKind::Fund)?;
    if available < row.usek {
        return Err(LedgerError::FundShort { fund_id, wanted: row.usek, available });
    }
    Ok(())
}

/// Refuses more than a grant has free.
pub(super) fn grant_covers(book: &Book, grant_id: Uuid, row: &MoveRow) -> Result<(), LedgerError> {
    let available = book.gpu_seconds(grant_id, AccountKind::Free)?;
    if available < row.gpu_seconds {
        return Err(LedgerError::GrantShort { grant_id, wanted: row.gpu_seconds, available });
    }
    let available = book.usek(grant_id, AccountKind::Free)?;
    if available < row.usek {
        return Err(LedgerError::GrantShortOfMoney { grant_id, wanted: row.usek, available });
    }
    Ok(())
}

/// The movements of a row from the grant's pool and fund to what the grant has free.
pub(super) fn from_pool_and_fund(
    grant: &OpenGrant,
    kind: EntryKind,
    row: &MoveRow,
) -> [Movement; 2] {
    let free = (grant.grant_id, AccountKind::Free);
    let time = Movement::new(kind, row.transfer_id, (grant.pool_id, AccountKind::Pool), free);
    let money = Movement::new(kind, row.transfer_id, (grant.fund_id, AccountKind::Fund), free);
    [Movement { gpu_seconds: row.gpu_seconds, ..time }, Movement { usek: row.usek, ..money }]
}

fn to_pool_and_fund(grant: &OpenGrant, kind: EntryKind, row: &MoveRow) -> [Movement; 2] {
    from_pool_and_fund(grant, kind, row).map(|movement| Movement {
        from: movement.to,
        to: movement.from,
        ..movement
    })
}

async fn audit(
    tx: &mut PgConnection,
    action: &'static str,
    request: &GrantMove,
    stamp: &Stamp<'_>,
) -> Result<(), LedgerError> {
    let GrantMove { transfer_id, grant_id, gpu_seconds, usek } = *request;
    let details = json!({ "transfer_id": transfer_id, "gpu_seconds": gpu_seconds, "usek": usek });
    stamp.audit(tx, action, ("grant", grant_id), details).await?;
    Ok(())
}
