//! Letting a pool grant more than it has, by a stated amount.

use record::{GpuSeconds, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ledger::{AccountKind, LedgerError, Unit},
    store::{
        book::{Book, EntryKind, Movement},
        broke,
    },
};

/// Gives a pool time beyond its size, because not every grant is used up. The same again changes
/// nothing.
pub async fn over_allocate(
    tx: &mut PgConnection,
    pool_id: Uuid,
    transfer_id: Uuid,
    extra: GpuSeconds,
    stamp: &Stamp<'_>,
) -> Result<(), LedgerError> {
    let book = Book::lock(tx, &[pool_id]).await?;
    if !book.has(pool_id, AccountKind::Pool, Unit::GpuSeconds) {
        return Err(LedgerError::NoSuchPool(pool_id));
    }
    let earlier = sqlx::query!(
        "select pool_id, gpu_seconds from accounting.over_allocation where transfer_id = $1",
        transfer_id,
    )
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(earlier) = earlier {
        return if (earlier.pool_id, earlier.gpu_seconds) == (pool_id, extra.get()) {
            Ok(())
        } else {
            Err(LedgerError::TransferIdReused(transfer_id))
        };
    }
    if extra == GpuSeconds::ZERO {
        return Err(LedgerError::NothingToMove(transfer_id));
    }
    insert(tx, (pool_id, transfer_id), extra, stamp).await?;
    let (supply, pool) = ((pool_id, AccountKind::Supply), (pool_id, AccountKind::Pool));
    let movement = Movement::new(EntryKind::OverAllocated, transfer_id, supply, pool);
    let movement = Movement { gpu_seconds: extra, ..movement };
    book.post_all(tx, &[movement], stamp).await?;
    let details = json!({ "transfer_id": transfer_id, "gpu_seconds": extra });
    stamp.audit(tx, "ledger.over_allocate", ("pool", pool_id), details).await?;
    Ok(())
}

async fn insert(
    tx: &mut PgConnection,
    (pool_id, transfer_id): (Uuid, Uuid),
    extra: GpuSeconds,
    stamp: &Stamp<'_>,
) -> Result<(), LedgerError> {
    let inserted = sqlx::query!(
        "insert into accounting.over_allocation (transfer_id, pool_id, gpu_seconds, allocated_at)
         values ($1, $2, $3, $4)",
        transfer_id,
        pool_id,
        extra.get(),
        stamp.now,
    )
    .execute(tx)
    .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if broke(&error, "over_allocation_pkey") => {
            Err(LedgerError::TransferIdReused(transfer_id))
        }
        Err(error) => Err(error.into()),
    }
}
