//! The book: the accounts of a few owners, locked, and the only place that writes an entry.
//!
//! Locking is in ascending order of owner, and within one owner in the order of the kinds, so two
//! holds over the same grants queue and never wait for each other in a circle. Entries and the
//! balances they change are written by one statement: there is no instant between them.

use std::collections::{BTreeMap, HashMap};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Opened,
    Granted,
    Held,
    Settled,
    Returned,
    Overrun,
    GivenBack,
    Expired,
    Transferred,
    CarriedOver,
    OverAllocated,
    Cleared,
    WrittenOff,
    Extended,
    Shortened,
}

impl EntryKind {
    /// The word the database keeps.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Granted => "granted",
            Self::Held => "held",
            Self::Settled => "settled",
            Self::Returned => "returned",
            Self::Overrun => "overrun",
            Self::GivenBack => "given_back",
            Self::Expired => "expired",
            Self::Transferred => "transferred",
            Self::CarriedOver => "carried_over",
            Self::OverAllocated => "over_allocated",
            Self::Cleared => "cleared",
            Self::WrittenOff => "written_off",
            Self::Extended => "extended",
            Self::Shortened => "shortened",
        }
    }
}

/// Time and money that move together from one account pair to another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Movement {
    pub(crate) kind: EntryKind,
    /// The request that caused it: the fund, pool, grant, hold, run, transfer or clearing.
    pub(crate) transfer_id: Uuid,
    pub(crate) from: (Uuid, AccountKind),
    pub(crate) to: (Uuid, AccountKind),
    pub(crate) gpu_seconds: GpuSeconds,
    pub(crate) usek: MicroSek,
    pub(crate) hold_id: Option<Uuid>,
    pub(crate) run_id: Option<Uuid>,
}

impl Movement {
    /// A movement of nothing yet, between two accounts; the amounts are for the caller to set.
    pub(crate) fn new(
        kind: EntryKind,
        transfer_id: Uuid,
        from: (Uuid, AccountKind),
        to: (Uuid, AccountKind),
    ) -> Self {
        let (gpu_seconds, usek) = (GpuSeconds::ZERO, MicroSek::ZERO);
        Self { kind, transfer_id, from, to, gpu_seconds, usek, hold_id: None, run_id: None }
    }
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
        #[cfg(test)]
        super::tests::unlocked::before(tx).await?;
        // The row lock makes what is read here stay true until commit: jobs racing for the last
        // GPU-seconds queue at this line instead of all passing the check that follows it.
        let rows = sqlx::query!(
            r#"
            select a.account_id, a.owner_id, a.kind as "kind: AccountKind",
                a.unit as "unit: Unit", b.amount
            from accounting.account a
            join accounting.balance b on b.account_id = a.account_id
            where a.owner_id = any($1)
            order by a.owner_id, a.kind, a.unit
            for update of b
            "#,
            owner_ids,
        )
        .fetch_all(&mut *tx)
        .await?;
        #[cfg(test)]
        super::tests::unlocked::after(tx).await?;
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

    /// Posts movements: one entry per unit that moves anything, and the balances with them, all in
    /// one statement.
    pub(crate) async fn post_all(
        &self,
        tx: &mut PgConnection,
        movements: &[Movement],
        stamp: &Stamp<'_>,
    ) -> Result<(), sqlx::Error> {
        let lines = self.lines(movements)?;
        if lines.is_empty() {
            return Ok(());
        }
        let changes = lines.changes();
        let changed = sqlx::query!(
            r#"
            with entry as (
                insert into accounting.entry (entry_id, transfer_id, kind, unit, from_account_id,
                    to_account_id, amount, hold_id, run_id, at, trace_id)
                select l.entry_id, l.transfer_id, l.kind::accounting.entry_kind,
                    l.unit::accounting.unit, l.from_account_id, l.to_account_id, l.amount,
                    l.hold_id, l.run_id, $10, $11
                from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::uuid[],
                    $7::bigint[], $8::uuid[], $9::uuid[])
                    as l (entry_id, transfer_id, kind, unit, from_account_id, to_account_id,
                        amount, hold_id, run_id)
            )
            update accounting.balance b
            set amount = b.amount + c.amount
            from unnest($12::uuid[], $13::bigint[]) as c (account_id, amount)
            where b.account_id = c.account_id
            "#,
            &lines.entry_ids,
            &lines.transfer_ids,
            &lines.kinds as &[&str],
            &lines.units as &[&str],
            &lines.from_account_ids,
            &lines.to_account_ids,
            &lines.amounts,
            &lines.hold_ids as &[Option<Uuid>],
            &lines.run_ids as &[Option<Uuid>],
            stamp.now,
            stamp.trace_id,
            &changes.account_ids,
            &changes.amounts,
        )
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() != changes.count() {
            return Err(balance(lines.from_account_ids[0]).into());
        }
        Ok(())
    }

    /// The entries of movements, column by column.
    pub(crate) fn lines(&self, movements: &[Movement]) -> Result<Lines, Inconsistency> {
        let mut lines = Lines::default();
        for movement in movements {
            let amounts = [
                (Unit::GpuSeconds, movement.gpu_seconds.get()),
                (Unit::MicroSek, movement.usek.get()),
            ];
            for (unit, amount) in amounts.into_iter().filter(|&(_, amount)| amount > 0) {
                let (from_owner, from_kind) = movement.from;
                let (to_owner, to_kind) = movement.to;
                lines.entry_ids.push(id::fresh());
                lines.transfer_ids.push(movement.transfer_id);
                lines.kinds.push(movement.kind.name());
                lines.units.push(unit.name());
                lines.from_account_ids.push(self.account(from_owner, from_kind, unit)?.0);
                lines.to_account_ids.push(self.account(to_owner, to_kind, unit)?.0);
                lines.amounts.push(amount);
                lines.hold_ids.push(movement.hold_id);
                lines.run_ids.push(movement.run_id);
            }
        }
        Ok(lines)
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

/// Entries to write, column by column, as one statement takes them.
#[derive(Default)]
pub(crate) struct Lines {
    pub(crate) entry_ids: Vec<Uuid>,
    pub(crate) transfer_ids: Vec<Uuid>,
    pub(crate) kinds: Vec<&'static str>,
    pub(crate) units: Vec<&'static str>,
    pub(crate) from_account_ids: Vec<Uuid>,
    pub(crate) to_account_ids: Vec<Uuid>,
    pub(crate) amounts: Vec<i64>,
    pub(crate) hold_ids: Vec<Option<Uuid>>,
    pub(crate) run_ids: Vec<Option<Uuid>>,
}

impl Lines {
    /// Whether nothing moves.
    pub(crate) fn is_empty(&self) -> bool {
        self.amounts.is_empty()
    }

    /// What the entries change on each account. The statement that writes both cannot take it from
    /// the entries it inserts: PostgreSQL refuses that when a balance was changed meanwhile.
    pub(crate) fn changes(&self) -> Changes {
        let mut sums: BTreeMap<Uuid, i64> = BTreeMap::new();
        let ends = self.from_account_ids.iter().zip(&self.to_account_ids).zip(&self.amounts);
        for ((&from, &to), &amount) in ends {
            *sums.entry(from).or_default() -= amount;
            *sums.entry(to).or_default() += amount;
        }
        let (account_ids, amounts) = sums.into_iter().unzip();
        Changes { account_ids, amounts }
    }
}

/// What entries change on each account, column by column.
pub(crate) struct Changes {
    pub(crate) account_ids: Vec<Uuid>,
    pub(crate) amounts: Vec<i64>,
}

impl Changes {
    /// How many balances change.
    pub(crate) fn count(&self) -> u64 {
        self.account_ids.len() as u64
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
