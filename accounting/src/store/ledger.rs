//! Opening funds, pools and grants.

use record::{GpuSeconds, MicroSek, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ledger::{AccountKind, LedgerError, OpenGrant, Unit},
    store::{
        book::{Book, EntryKind, Movement, open_accounts},
        grant::opening,
    },
};

/// Opens a fund with its ceiling. The same fund again changes nothing.
pub async fn open_fund(
    tx: &mut PgConnection,
    fund_id: Uuid,
    ceiling: MicroSek,
    stamp: &Stamp<'_>,
) -> Result<(), LedgerError> {
    let accounts = [(AccountKind::Supply, Unit::MicroSek), (AccountKind::Fund, Unit::MicroSek)];
    if !open_accounts(tx, fund_id, &accounts, stamp.now).await? {
        return if opened_with(tx, fund_id, Unit::MicroSek).await? == ceiling.get() {
            Ok(())
        } else {
            Err(LedgerError::FundIdReused(fund_id))
        };
    }
    let (supply, own) = ((fund_id, AccountKind::Supply), (fund_id, AccountKind::Fund));
    let movement = Movement::new(EntryKind::Opened, fund_id, supply, own);
    let movement = Movement { usek: ceiling, ..movement };
    Book::lock(tx, &[fund_id]).await?.post_all(tx, &[movement], stamp).await?;
    stamp.audit(tx, "ledger.open_fund", ("fund", fund_id), json!({ "usek": ceiling })).await?;
    Ok(())
}

/// Opens a pool with its time. The same pool again changes nothing.
///
/// Which fund it serves is said by [`bind_pool`], at the latest by its first grant.
pub async fn open_pool(
    tx: &mut PgConnection,
    pool_id: Uuid,
    size: GpuSeconds,
    stamp: &Stamp<'_>,
) -> Result<(), LedgerError> {
    let accounts = [(AccountKind::Supply, Unit::GpuSeconds), (AccountKind::Pool, Unit::GpuSeconds)];
    if !open_accounts(tx, pool_id, &accounts, stamp.now).await? {
        return if opened_with(tx, pool_id, Unit::GpuSeconds).await? == size.get() {
            Ok(())
        } else {
            Err(LedgerError::PoolIdReused(pool_id))
        };
    }
    let (supply, own) = ((pool_id, AccountKind::Supply), (pool_id, AccountKind::Pool));
    let movement = Movement::new(EntryKind::Opened, pool_id, supply, own);
    let movement = Movement { gpu_seconds: size, ..movement };
    Book::lock(tx, &[pool_id]).await?.post_all(tx, &[movement], stamp).await?;
    stamp.audit(tx, "ledger.open_pool", ("pool", pool_id), json!({ "gpu_seconds": size })).await?;
    Ok(())
}

/// Says which fund a pool serves, once and for all. The same again changes nothing.
pub async fn bind_pool(
    tx: &mut PgConnection,
    pool_id: Uuid,
    fund_id: Uuid,
    stamp: &Stamp<'_>,
) -> Result<(), LedgerError> {
    let bound = sqlx::query!(
        "insert into accounting.pool_fund (pool_id, fund_id, bound_at) values ($1, $2, $3)
         on conflict (pool_id) do nothing",
        pool_id,
        fund_id,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    if bound.rows_affected() == 1 {
        let details = json!({ "fund_id": fund_id });
        stamp.audit(tx, "ledger.bind_pool", ("pool", pool_id), details).await?;
        return Ok(());
    }
    let pool_fund_id =
        sqlx::query_scalar!("select fund_id from accounting.pool_fund where pool_id = $1", pool_id)
            .fetch_one(&mut *tx)
            .await?;
    if pool_fund_id == fund_id {
        Ok(())
    } else {
        Err(LedgerError::FundsNeverMix { pool_id, pool_fund_id, fund_id })
    }
}

/// Opens a grant: time from the pool and money from the fund. The same again changes nothing.
///
/// Fund and pool are locked here and where a grant changes, never where a hold is placed.
pub async fn open_grant(
    tx: &mut PgConnection,
    request: &OpenGrant,
    stamp: &Stamp<'_>,
) -> Result<(), LedgerError> {
    let OpenGrant { grant_id, pool_id, fund_id, gpu_seconds, usek } = *request;
    let book = Book::lock(tx, &[fund_id, pool_id]).await?;
    if !book.has(fund_id, AccountKind::Fund, Unit::MicroSek) {
        return Err(LedgerError::NoSuchFund(fund_id));
    }
    if !book.has(pool_id, AccountKind::Pool, Unit::GpuSeconds) {
        return Err(LedgerError::NoSuchPool(pool_id));
    }
    if let Some(earlier) = opening(tx, grant_id).await? {
        return if earlier == *request {
            Ok(())
        } else {
            Err(LedgerError::GrantIdReused(grant_id))
        };
    }
    bind_pool(tx, pool_id, fund_id, stamp).await?;
    let available = book.gpu_seconds(pool_id, AccountKind::Pool)?;
    if available < gpu_seconds {
        return Err(LedgerError::PoolShort { pool_id, wanted: gpu_seconds, available });
    }
    let available = book.usek(fund_id, AccountKind::Fund)?;
    if available < usek {
        return Err(LedgerError::FundShort { fund_id, wanted: usek, available });
    }
    write_grant(tx, request, stamp).await?;
    let details =
        json!({ "pool_id": pool_id, "fund_id": fund_id, "gpu_seconds": gpu_seconds, "usek": usek });
    stamp.audit(tx, "ledger.open_grant", ("grant", grant_id), details).await?;
    Ok(())
}

async fn write_grant(
    tx: &mut PgConnection,
    request: &OpenGrant,
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    let OpenGrant { grant_id, pool_id, fund_id, gpu_seconds, usek } = *request;
    sqlx::query!(
        "insert into accounting.grant_opening
             (grant_id, pool_id, fund_id, gpu_seconds, usek, opened_at)
         values ($1, $2, $3, $4, $5, $6)",
        grant_id,
        pool_id,
        fund_id,
        gpu_seconds.get(),
        usek.get(),
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let kinds = [
        AccountKind::Free,
        AccountKind::Held,
        AccountKind::Settled,
        AccountKind::Uncovered,
        AccountKind::Overrun,
    ];
    let accounts = kinds.map(|kind| [(kind, Unit::GpuSeconds), (kind, Unit::MicroSek)]);
    open_accounts(tx, grant_id, accounts.as_flattened(), stamp.now).await?;
    let book = Book::lock(tx, &[fund_id, pool_id, grant_id]).await?;
    let free = (grant_id, AccountKind::Free);
    let time = Movement::new(EntryKind::Granted, grant_id, (pool_id, AccountKind::Pool), free);
    let money = Movement::new(EntryKind::Granted, grant_id, (fund_id, AccountKind::Fund), free);
    let granted = [Movement { gpu_seconds, ..time }, Movement { usek, ..money }];
    book.post_all(tx, &granted, stamp).await
}

/// What came in from outside when a fund or a pool was opened.
async fn opened_with(
    tx: &mut PgConnection,
    owner_id: Uuid,
    unit: Unit,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select coalesce(sum(amount), 0)::bigint as "amount!" from accounting.entry
        where transfer_id = $1 and kind = 'opened' and unit = $2
        "#,
        owner_id,
        unit as Unit,
    )
    .fetch_one(tx)
    .await
}
