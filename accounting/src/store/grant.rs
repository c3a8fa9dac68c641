//! Reading grants: what they were opened with, and where they stand.

use std::collections::HashMap;

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ledger::{GrantBalance, LedgerError, OpenGrant},
    store::{Inconsistency, gpu_seconds, micro_sek},
};

/// Where a grant stands, as of this transaction's view. Locks nothing.
pub async fn balance_of_grant(
    tx: &mut PgConnection,
    grant_id: Uuid,
) -> Result<GrantBalance, LedgerError> {
    let mut balances = balances_of_grants(tx, &[grant_id]).await?;
    balances.remove(&grant_id).ok_or(LedgerError::NoSuchGrant(grant_id))
}

/// Where each of these grants stands, in one query. Locks nothing.
///
/// A grant that the ledger does not have is not in the answer.
pub async fn balances_of_grants(
    tx: &mut PgConnection,
    grant_ids: &[Uuid],
) -> Result<HashMap<Uuid, GrantBalance>, LedgerError> {
    let rows = sqlx::query!(
        r#"
        select g.grant_id,
            sum(b.amount) filter (where a.kind = 'free' and a.unit = 'gpu_seconds')::bigint
                as free,
            sum(b.amount) filter (where a.kind = 'held' and a.unit = 'gpu_seconds')::bigint
                as held,
            sum(b.amount) filter (where a.kind = 'settled' and a.unit = 'gpu_seconds')::bigint
                as settled,
            sum(b.amount) filter (where a.kind = 'overrun' and a.unit = 'gpu_seconds')::bigint
                as overrun,
            sum(b.amount) filter (where a.kind = 'free' and a.unit = 'micro_sek')::bigint
                as free_usek,
            sum(b.amount) filter (where a.kind = 'held' and a.unit = 'micro_sek')::bigint
                as held_usek,
            sum(b.amount) filter (where a.kind = 'settled' and a.unit = 'micro_sek')::bigint
                as settled_usek,
            sum(b.amount) filter (where a.kind = 'overrun' and a.unit = 'micro_sek')::bigint
                as overrun_usek
        from accounting.grant_opening g
        join accounting.account a on a.owner_id = g.grant_id
        join accounting.balance b on b.account_id = a.account_id
        where g.grant_id = any($1)
        group by g.grant_id
        "#,
        grant_ids,
    )
    .fetch_all(tx)
    .await?;
    let balances = rows.into_iter().map(|row| {
        let place =
            Inconsistency { table: "accounting.balance", column: "amount", row: row.grant_id };
        let time = |amount: Option<i64>| gpu_seconds(amount.ok_or(place)?, place);
        let money = |amount: Option<i64>| micro_sek(amount.ok_or(place)?, place);
        let (available, held, settled) = (time(row.free)?, time(row.held)?, time(row.settled)?);
        let (available_usek, held_usek, settled_usek) =
            (money(row.free_usek)?, money(row.held_usek)?, money(row.settled_usek)?);
        let granted = available.checked_add(held).and_then(|sum| sum.checked_add(settled));
        let granted_usek =
            available_usek.checked_add(held_usek).and_then(|sum| sum.checked_add(settled_usek));
        let balance = GrantBalance {
            granted: granted.ok_or(place)?,
            held,
            settled,
            available,
            overrun: time(row.overrun)?,
            granted_usek: granted_usek.ok_or(place)?,
            held_usek,
            settled_usek,
            available_usek,
            overrun_usek: money(row.overrun_usek)?,
        };
        Ok((row.grant_id, balance))
    });
    balances.collect()
}

/// What a grant was opened with.
pub(super) async fn opening(
    tx: &mut PgConnection,
    grant_id: Uuid,
) -> Result<Option<OpenGrant>, LedgerError> {
    let row = sqlx::query!(
        "select pool_id, fund_id, gpu_seconds, usek from accounting.grant_opening
         where grant_id = $1",
        grant_id,
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let place = |column| Inconsistency { table: "accounting.grant_opening", column, row: grant_id };
    Ok(Some(OpenGrant {
        grant_id,
        pool_id: row.pool_id,
        fund_id: row.fund_id,
        gpu_seconds: gpu_seconds(row.gpu_seconds, place("gpu_seconds"))?,
        usek: micro_sek(row.usek, place("usek"))?,
    }))
}

/// What a grant was opened with, or the refusal to go on without it.
pub(super) async fn opened(
    tx: &mut PgConnection,
    grant_id: Uuid,
) -> Result<OpenGrant, LedgerError> {
    opening(tx, grant_id).await?.ok_or(LedgerError::NoSuchGrant(grant_id))
}
