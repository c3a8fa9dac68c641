//! The book: the accounts of a few owners, locked, and the only place that writes an entry.
//!
//! Locking is in ascending order of owner and account, so two holds over the same grants queue and
//! never wait for each other in a circle. An entry and the two balances it changes are written by
//! one statement: there is no instant between them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek, Stamp, id};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    hold::HoldPart,
    ledger::{AccountKind, Unit},
    store::Inconsistency,
};

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "accounting.entry_kind", rename_all = "snake_case")]
pub(crate) enum EntryKind {
    Opened,
    Granted,
    Held,
    Settled,
    Returned,
    Overrun,
}

/// Time and money that move together from one account pair to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Movement {
    pub(crate) kind: EntryKind,
    /// The request that caused it: the fund, pool, grant, hold or run.
    pub(crate) transfer_id: Uuid,
    pub(crate) from: (Uuid, AccountKind),
    pub(crate) to: (Uuid, AccountKind),
    pub(crate) gpu_seconds: GpuSeconds,
    pub(crate) usek: MicroSek,
    pub(crate) hold_id: Option<Uuid>,
    pub(crate) run_id: Option<Uuid>,
}

/// Accounts by owner, kind and unit, with the amounts they had when they were read.
pub(crate) struct Book {
    accounts: HashMap<(Uuid, AccountKind, Unit), (Uuid, i64)>,
}

impl Book {
    /// Locks every account of these owners until the transaction ends.
    pub(crate) async fn lock(
        tx: &mut PgConnection,
        owner_ids: &[Uuid],
    ) -> Result<Self, sqlx::Error> {
        // The row lock makes what is read here stay true until commit: jobs racing for the last
        // GPU-seconds queue at this line instead of all passing the check that follows it.
        let rows = sqlx::query!(
            r#"
            select a.account_id, a.owner_id, a.kind as "kind: AccountKind",
                a.unit as "unit: Unit", b.amount
            from accounting.account a
            join accounting.balance b on b.account_id = a.account_id
            where a.owner_id = any($1)
            order by a.owner_id, a.account_id
            for update of b
            "#,
            owner_ids,
        )
        .fetch_all(tx)
        .await?;
        let accounts = rows
            .into_iter()
            .map(|row| ((row.owner_id, row.kind, row.unit), (row.account_id, row.amount)))
            .collect();
        Ok(Self { accounts })
    }

    /// Whether the owner has such an account.
    pub(crate) fn has(&self, owner_id: Uuid, kind: AccountKind, unit: Unit) -> bool {
        self.accounts.contains_key(&(owner_id, kind, unit))
    }

    /// The time on an account that never goes below zero.
    pub(crate) fn gpu_seconds(
        &self,
        owner_id: Uuid,
        kind: AccountKind,
    ) -> Result<GpuSeconds, Inconsistency> {
        let (account_id, amount) = self.account(owner_id, kind, Unit::GpuSeconds)?;
        super::gpu_seconds(amount, balance(account_id))
    }

    /// The money on an account that never goes below zero.
    pub(crate) fn usek(
        &self,
        owner_id: Uuid,
        kind: AccountKind,
    ) -> Result<MicroSek, Inconsistency> {
        let (account_id, amount) = self.account(owner_id, kind, Unit::MicroSek)?;
        super::micro_sek(amount, balance(account_id))
    }

    /// What each of these grants has free, in the order given.
    pub(crate) fn free(&self, grant_ids: &[Uuid]) -> Result<Vec<HoldPart>, Inconsistency> {
        let free = |&grant_id: &Uuid| {
            Ok(HoldPart {
                grant_id,
                gpu_seconds: self.gpu_seconds(grant_id, AccountKind::Free)?,
                usek: self.usek(grant_id, AccountKind::Free)?,
            })
        };
        grant_ids.iter().map(free).collect()
    }

    /// Posts a movement: one entry per unit that moves anything, and the balances with it.
    pub(crate) async fn post(
        &self,
        tx: &mut PgConnection,
        movement: &Movement,
        stamp: &Stamp<'_>,
    ) -> Result<(), sqlx::Error> {
        let amounts =
            [(Unit::GpuSeconds, movement.gpu_seconds.get()), (Unit::MicroSek, movement.usek.get())];
        for (unit, amount) in amounts.into_iter().filter(|&(_, amount)| amount > 0) {
            let (from_owner, from_kind) = movement.from;
            let (to_owner, to_kind) = movement.to;
            let (from_account_id, _) = self.account(from_owner, from_kind, unit)?;
            let (to_account_id, _) = self.account(to_owner, to_kind, unit)?;
            let changed = sqlx::query!(
                r#"
                with entry as (
                    insert into accounting.entry (entry_id, transfer_id, kind, unit,
                        from_account_id, to_account_id, amount, hold_id, run_id, at, trace_id)
                    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
                    returning from_account_id, to_account_id, amount
                )
                update accounting.balance b
                set amount = b.amount
                    + case when b.account_id = e.to_account_id then e.amount else -e.amount end
                from entry e
                where b.account_id in (e.from_account_id, e.to_account_id)
                "#,
                id::fresh(),
                movement.transfer_id,
                movement.kind as EntryKind,
                unit as Unit,
                from_account_id,
                to_account_id,
                amount,
                movement.hold_id,
                movement.run_id,
                stamp.now,
                stamp.trace_id,
            )
            .execute(&mut *tx)
            .await?;
            if changed.rows_affected() != 2 {
                return Err(balance(from_account_id).into());
            }
        }
        Ok(())
    }

    fn account(
        &self,
        owner_id: Uuid,
        kind: AccountKind,
        unit: Unit,
    ) -> Result<(Uuid, i64), Inconsistency> {
        self.accounts.get(&(owner_id, kind, unit)).copied().ok_or(Inconsistency {
            table: "accounting.account",
            column: "owner_id, kind, unit",
            row: owner_id,
        })
    }
}

/// Opens accounts of one owner with nothing on them; tells whether they are new.
pub(crate) async fn open_accounts(
    tx: &mut PgConnection,
    owner_id: Uuid,
    accounts: &[(AccountKind, Unit)],
    at: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let mut opened = 0;
    for &(kind, unit) in accounts {
        opened += sqlx::query!(
            "with account as (
                 insert into accounting.account (account_id, owner_id, kind, unit, opened_at)
                 values ($1, $2, $3, $4, $5)
                 on conflict on constraint account_once_per_owner do nothing
                 returning account_id, kind
             )
             insert into accounting.balance (account_id, kind)
             select account_id, kind from account",
            id::fresh(),
            owner_id,
            kind as AccountKind,
            unit as Unit,
            at,
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
    }
    Ok(opened > 0)
}

fn balance(account_id: Uuid) -> Inconsistency {
    Inconsistency { table: "accounting.balance", column: "amount", row: account_id }
}
