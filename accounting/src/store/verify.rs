//! Verifying the ledger: every balance again from the entries, and what it must agree with.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ledger::{AccountKind, Unit};

/// One account that does not agree.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Imbalance {
    /// What does not agree.
    pub mismatch: Mismatch,
    /// The account.
    pub account_id: Uuid,
    /// The fund, pool or grant it belongs to.
    pub owner_id: Uuid,
    /// What the account is for.
    pub kind: AccountKind,
    /// Its unit.
    pub unit: Unit,
    /// What the balance says; `None` if its row is gone.
    pub recorded: Option<i64>,
    /// What it should say.
    pub recomputed: i64,
}

/// What a balance does not agree with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mismatch {
    /// The balance is not the sum of its entries.
    Entries,
    /// The held account is not the sum of the grant's open holds.
    OpenHolds,
    /// Holds do not say the sum of their parts and standing extensions; told of the grant that each
    /// draws on first.
    HoldParts,
    /// The settled account is not the sum of the grant's charges.
    Charges,
    /// The free account is not what was granted, by the opening and every movement since, less what
    /// is held and settled.
    Moves,
}

impl std::fmt::Display for Imbalance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let source = match self.mismatch {
            Mismatch::Entries => "its entries",
            Mismatch::OpenHolds => "the open holds",
            Mismatch::HoldParts => "the parts of the holds that draw on it first",
            Mismatch::Charges => "the charges",
            Mismatch::Moves => "opening and movements",
        };
        let unit = match self.unit {
            Unit::GpuSeconds => "GPU-seconds",
            Unit::MicroSek => "µSEK",
        };
        let Self { kind, owner_id, recomputed, .. } = self;
        write!(f, "the {kind:?} account of {owner_id} ")?;
        match self.recorded {
            Some(recorded) => write!(f, "says {recorded} {unit}")?,
            None => write!(f, "has no balance in {unit}")?,
        }
        write!(f, " and {source} say {recomputed}")
    }
}

/// Recomputes every balance and returns what does not agree; empty when the ledger is whole.
///
/// Since every entry moves one amount from one account to another, agreement of all balances with
/// the entries also means that the balances of each unit add up to nought.
pub async fn verify(pool: &PgPool) -> Result<Vec<Imbalance>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    // One snapshot for all of it, or a hold placed meanwhile would look like an imbalance.
    sqlx::query("set transaction isolation level repeatable read, read only")
        .execute(&mut *tx)
        .await?;
    let mut imbalances = against_entries(&mut tx).await?;
    imbalances.extend(against_open_holds(&mut tx).await?);
    imbalances.extend(against_hold_parts(&mut tx).await?);
    imbalances.extend(against_charges(&mut tx).await?);
    imbalances.extend(against_moves(&mut tx).await?);
    Ok(imbalances)
}

/// An account whose balance is not what was recomputed.
struct AccountRow {
    account_id: Uuid,
    owner_id: Uuid,
    kind: AccountKind,
    unit: Unit,
    recorded: Option<i64>,
    recomputed: i64,
}

impl AccountRow {
    fn against(self, mismatch: Mismatch) -> Imbalance {
        let Self { account_id, owner_id, kind, unit, recorded, recomputed } = self;
        Imbalance { mismatch, account_id, owner_id, kind, unit, recorded, recomputed }
    }
}

async fn against_entries(tx: &mut PgConnection) -> Result<Vec<Imbalance>, sqlx::Error> {
    let rows = sqlx::query_as!(
        AccountRow,
        r#"
        with movement as (
            select to_account_id as account_id, amount from accounting.entry
            union all
            select from_account_id, -amount from accounting.entry
        ), recomputed as (
            select a.account_id, a.owner_id, a.kind, a.unit,
                coalesce(sum(m.amount), 0)::bigint as amount
            from accounting.account a
            left join movement m on m.account_id = a.account_id
            group by a.account_id
        )
        select r.account_id, r.owner_id, r.kind as "kind: AccountKind", r.unit as "unit: Unit",
            b.amount as "recorded?", r.amount as "recomputed!"
        from recomputed r
        left join accounting.balance b on b.account_id = r.account_id
        where b.amount is distinct from r.amount
        order by r.owner_id, r.account_id
        "#
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.against(Mismatch::Entries)).collect())
}

async fn against_open_holds(tx: &mut PgConnection) -> Result<Vec<Imbalance>, sqlx::Error> {
    let rows = sqlx::query_as!(
        AccountRow,
        r#"
        with held as (
            select p.grant_id, sum(p.gpu_seconds) as gpu_seconds, sum(p.usek) as usek
            from accounting.held_part p
            join accounting.hold h on h.hold_id = p.hold_id
            where h.state = 'open'
            group by p.grant_id
        ), recomputed as (
            select a.account_id, a.owner_id, a.kind, a.unit, coalesce(
                case a.unit when 'gpu_seconds' then h.gpu_seconds else h.usek end,
                0)::bigint as amount
            from accounting.account a
            left join held h on h.grant_id = a.owner_id
            where a.kind = 'held'
        )
        select r.account_id, r.owner_id, r.kind as "kind: AccountKind", r.unit as "unit: Unit",
            b.amount as "recorded?", r.amount as "recomputed!"
        from recomputed r
        left join accounting.balance b on b.account_id = r.account_id
        where b.amount is distinct from r.amount
        order by r.owner_id, r.account_id
        "#
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.against(Mismatch::OpenHolds)).collect())
}

/// What holds say of themselves, closed or open, against their parts: what a charge is bounded by.
async fn against_hold_parts(tx: &mut PgConnection) -> Result<Vec<Imbalance>, sqlx::Error> {
    let rows = sqlx::query_as!(
        AccountRow,
        r#"
        with part as (
            select hold_id, sum(gpu_seconds) as gpu_seconds, sum(usek) as usek
            from accounting.held_part
            group by hold_id
        ), off as (
            select first.grant_id,
                sum(h.gpu_seconds + h.extended_gpu_seconds) as said_gpu_seconds,
                sum(h.usek + h.extended_usek) as said_usek,
                sum(p.gpu_seconds) as gpu_seconds, sum(p.usek) as usek
            from accounting.hold h
            join accounting.hold_part first on first.hold_id = h.hold_id and first.part_no = 0
            join part p on p.hold_id = h.hold_id
            where (h.gpu_seconds + h.extended_gpu_seconds, h.usek + h.extended_usek)
                is distinct from (p.gpu_seconds, p.usek)
            group by first.grant_id
        )
        select a.account_id, a.owner_id, a.kind as "kind: AccountKind", a.unit as "unit: Unit",
            (case a.unit when 'gpu_seconds' then o.said_gpu_seconds else o.said_usek end)::bigint
                as "recorded?",
            (case a.unit when 'gpu_seconds' then o.gpu_seconds else o.usek end)::bigint
                as "recomputed!"
        from off o
        join accounting.account a on a.owner_id = o.grant_id and a.kind = 'held'
        where (case a.unit when 'gpu_seconds' then o.said_gpu_seconds else o.said_usek end)
            is distinct from (case a.unit when 'gpu_seconds' then o.gpu_seconds else o.usek end)
        order by a.owner_id, a.account_id
        "#
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.against(Mismatch::HoldParts)).collect())
}

async fn against_charges(tx: &mut PgConnection) -> Result<Vec<Imbalance>, sqlx::Error> {
    let rows = sqlx::query_as!(
        AccountRow,
        r#"
        with charged as (
            select grant_id, sum(gpu_seconds) as gpu_seconds, sum(usek) as usek
            from (
                select grant_id, gpu_seconds, usek from accounting.charge
                union all
                select grant_id, gpu_seconds, usek from accounting.cleared_charge
            ) as charge
            group by grant_id
        ), recomputed as (
            select a.account_id, a.owner_id, a.kind, a.unit, coalesce(
                case a.unit when 'gpu_seconds' then c.gpu_seconds else c.usek end,
                0)::bigint as amount
            from accounting.account a
            left join charged c on c.grant_id = a.owner_id
            where a.kind = 'settled'
        )
        select r.account_id, r.owner_id, r.kind as "kind: AccountKind", r.unit as "unit: Unit",
            b.amount as "recorded?", r.amount as "recomputed!"
        from recomputed r
        left join accounting.balance b on b.account_id = r.account_id
        where b.amount is distinct from r.amount
        order by r.owner_id, r.account_id
        "#
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.against(Mismatch::Charges)).collect())
}

async fn against_moves(tx: &mut PgConnection) -> Result<Vec<Imbalance>, sqlx::Error> {
    let rows = sqlx::query_as!(
        AccountRow,
        r#"
        with line as (
            select grant_id, gpu_seconds, usek from accounting.grant_opening
            union all
            select to_grant_id, gpu_seconds, usek from accounting.grant_move
            where to_grant_id is not null
            union all
            -- What is carried over left its grant when it expired, not when it was granted again.
            select from_grant_id, -gpu_seconds, -usek from accounting.grant_move
            where from_grant_id is not null and kind <> 'carry_over'
            union all
            select a.owner_id, case a.unit when 'gpu_seconds' then -b.amount else 0 end,
                case a.unit when 'gpu_seconds' then 0 else -b.amount end
            from accounting.account a
            join accounting.balance b on b.account_id = a.account_id
            where a.kind in ('held', 'settled')
        ), left_over as (
            select grant_id, sum(gpu_seconds) as gpu_seconds, sum(usek) as usek
            from line
            group by grant_id
        ), recomputed as (
            select a.account_id, a.owner_id, a.kind, a.unit, coalesce(
                case a.unit when 'gpu_seconds' then l.gpu_seconds else l.usek end,
                0)::bigint as amount
            from accounting.account a
            left join left_over l on l.grant_id = a.owner_id
            where a.kind = 'free'
        )
        select r.account_id, r.owner_id, r.kind as "kind: AccountKind", r.unit as "unit: Unit",
            b.amount as "recorded?", r.amount as "recomputed!"
        from recomputed r
        left join accounting.balance b on b.account_id = r.account_id
        where b.amount is distinct from r.amount
        order by r.owner_id, r.account_id
        "#
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| row.against(Mismatch::Moves)).collect())
}
