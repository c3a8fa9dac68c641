//! Reading a grant: what it was opened with, and where it stands.

use record::{GpuSeconds, MicroSek};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    ledger::{AccountKind, GrantBalance, LedgerError, OpenGrant, Unit},
    store::{Inconsistency, gpu_seconds, micro_sek},
};

/// Where a grant stands, as of this transaction's view. Locks nothing.
pub async fn balance_of_grant(
    tx: &mut PgConnection,
    grant_id: Uuid,
) -> Result<GrantBalance, LedgerError> {
    let opening = opening(tx, grant_id).await?.ok_or(LedgerError::NoSuchGrant(grant_id))?;
    let rows = sqlx::query!(
        r#"
        select a.kind as "kind: AccountKind", a.unit as "unit: Unit", b.amount, b.account_id
        from accounting.account a
        join accounting.balance b on b.account_id = a.account_id
        where a.owner_id = $1
        "#,
        grant_id,
    )
    .fetch_all(tx)
    .await?;
    let mut balance = GrantBalance {
        granted: opening.gpu_seconds,
        held: GpuSeconds::ZERO,
        settled: GpuSeconds::ZERO,
        available: GpuSeconds::ZERO,
        overrun: GpuSeconds::ZERO,
        granted_usek: opening.usek,
        held_usek: MicroSek::ZERO,
        settled_usek: MicroSek::ZERO,
        available_usek: MicroSek::ZERO,
        overrun_usek: MicroSek::ZERO,
    };
    for row in rows {
        let place =
            Inconsistency { table: "accounting.balance", column: "amount", row: row.account_id };
        let (time, money) = match row.kind {
            AccountKind::Free => (&mut balance.available, &mut balance.available_usek),
            AccountKind::Held => (&mut balance.held, &mut balance.held_usek),
            AccountKind::Settled => (&mut balance.settled, &mut balance.settled_usek),
            AccountKind::Overrun => (&mut balance.overrun, &mut balance.overrun_usek),
            AccountKind::Uncovered => continue, // The other side of the overrun.
            AccountKind::Supply | AccountKind::Fund | AccountKind::Pool => {
                return Err(place.into());
            }
        };
        match row.unit {
            Unit::GpuSeconds => *time = gpu_seconds(row.amount, place)?,
            Unit::MicroSek => *money = micro_sek(row.amount, place)?,
        }
    }
    Ok(balance)
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
