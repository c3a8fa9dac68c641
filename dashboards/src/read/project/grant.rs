//! A project's grants, what was changed about them, and which of them is used first.

use std::collections::HashMap;

use accounting::ledger::{self, GrantBalance, LedgerError};
use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::{FundRef, PersonRef, gpu_seconds, impossible, usek};

/// One grant and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantLine {
    /// Its id.
    pub grant_id: Uuid,
    /// The class of GPU it is for.
    pub class: String,
    /// The fund that pays.
    pub fund: FundRef,
    /// From when it can be used: its own start, or the environment's opening day if that is later.
    pub valid_from: DateTime<Utc>,
    /// Until when it can be used, never past the fund's end; that instant is not part of it.
    pub valid_until: DateTime<Utc>,
    /// How it came to an end before or at its time, if it did.
    pub end: Option<GrantEnd>,
    /// Where it stands in the ledger.
    pub balance: Balance,
}

/// How a grant came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantEnd {
    /// The ending, as the database names it.
    pub ending: String,
    /// The grant that took its place.
    pub superseded_by: Option<Uuid>,
    /// When.
    pub ended_at: DateTime<Utc>,
}

/// Something that was changed about a grant after it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeLine {
    /// Its id.
    pub change_id: Uuid,
    /// What kind, as the database names it.
    pub kind: String,
    /// The grant it was done to.
    pub grant_id: Uuid,
    /// The grant where it went, or that came instead.
    pub other_grant_id: Option<Uuid>,
    /// The time that moved.
    pub gpu_seconds: GpuSeconds,
    /// The money that moved.
    pub usek: MicroSek,
    /// Who decided; nobody decides on giving back and on expiry.
    pub decided_by: Option<PersonRef>,
    /// When.
    pub changed_at: DateTime<Utc>,
}

/// Where a grant stands in both units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Time granted, net of what left the grant again.
    pub granted: GpuSeconds,
    /// Time set aside by open holds.
    pub held: GpuSeconds,
    /// Time settled.
    pub settled: GpuSeconds,
    /// Time that can still be held.
    pub available: GpuSeconds,
    /// Time used that the grant had no room for; not part of what was granted.
    pub overrun: GpuSeconds,
    /// Money granted.
    pub granted_usek: MicroSek,
    /// Money set aside by open holds.
    pub held_usek: MicroSek,
    /// Money settled.
    pub settled_usek: MicroSek,
    /// Money that can still be held.
    pub available_usek: MicroSek,
    /// What the overrun would have cost.
    pub overrun_usek: MicroSek,
}

impl GrantLine {
    /// True if a hold can use it at `now`.
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.end.is_none() && self.valid_from <= now && now < self.valid_until
    }

    /// True if a job could draw on both: one class of one fund.
    fn goes_with(&self, other: &Self) -> bool {
        self.class == other.class && self.fund.fund_id == other.fund.fund_id
    }
}

/// True if `grant` is the one of several that a job would use first at `now`.
///
/// `grants` are in the order in which holds use them.
pub fn is_used_first(grants: &[GrantLine], grant: &GrantLine, now: DateTime<Utc>) -> bool {
    let mut usable = grants.iter().filter(|one| {
        one.goes_with(grant) && one.is_valid(now) && one.balance.available > GpuSeconds::ZERO
    });
    let first = usable.next();
    first.is_some_and(|first| first.grant_id == grant.grant_id) && usable.next().is_some()
}

/// The grants with their standing, oldest expiry first. What a balance means is the ledger's to
/// say, so it is asked.
pub(super) async fn grants(
    tx: &mut PgConnection,
    project_id: Uuid,
) -> Result<Vec<GrantLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select g.grant_id, p.class, p.fund_id, f.name as fund_name,
            greatest(g.valid_from, p.opens_at) as "valid_from!",
            least(g.valid_until, f.valid_until) as "valid_until!",
            e.ending::text as "ending?", e.superseded_by as "superseded_by?",
            e.ended_at as "ended_at?"
        from quotas.grant g
            join quotas.pool p using (pool_id)
            join quotas.fund f using (fund_id)
            left join quotas.grant_end e using (grant_id)
        where g.project_id = $1
        order by g.valid_until, g.grant_id
        "#,
        project_id,
    )
    .fetch_all(&mut *tx)
    .await?;
    let grant_ids: Vec<Uuid> = rows.iter().map(|row| row.grant_id).collect();
    let mut standing = balances(tx, &grant_ids).await?;
    rows.into_iter()
        .map(|row| {
            let missing = || impossible(LedgerError::NoSuchGrant(row.grant_id));
            let end = row.ending.zip(row.ended_at).map(|(ending, ended_at)| GrantEnd {
                ending,
                superseded_by: row.superseded_by,
                ended_at,
            });
            Ok(GrantLine {
                grant_id: row.grant_id,
                class: row.class,
                fund: FundRef { fund_id: row.fund_id, name: row.fund_name },
                valid_from: row.valid_from,
                valid_until: row.valid_until,
                end,
                balance: standing.remove(&row.grant_id).map(Balance::from).ok_or_else(missing)?,
            })
        })
        .collect()
}

async fn balances(
    tx: &mut PgConnection,
    grant_ids: &[Uuid],
) -> Result<HashMap<Uuid, GrantBalance>, sqlx::Error> {
    match ledger::balances_of_grants(tx, grant_ids).await {
        Ok(standing) => Ok(standing),
        Err(LedgerError::Database(error)) => Err(error),
        Err(contradiction) => Err(impossible(contradiction)),
    }
}

/// What was changed about the project's grants, newest first.
pub(super) async fn changes(
    tx: &mut PgConnection,
    project_id: Uuid,
) -> Result<Vec<ChangeLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select c.change_id, c.kind::text as "kind!", c.grant_id, c.other_grant_id, c.gpu_seconds,
            c.usek, c.decided_by, n.name as "decided_by_name?", c.changed_at
        from quotas.grant_change c
            left join record.person n on n.person_id = c.decided_by
        where exists (
            select from quotas.grant g
            where g.project_id = $1 and g.grant_id in (c.grant_id, c.other_grant_id)
        )
        order by c.changed_at desc, c.change_id
        "#,
        project_id,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ChangeLine {
                change_id: row.change_id,
                kind: row.kind,
                grant_id: row.grant_id,
                other_grant_id: row.other_grant_id,
                gpu_seconds: gpu_seconds(row.gpu_seconds)?,
                usek: usek(row.usek)?,
                decided_by: PersonRef::of(row.decided_by, row.decided_by_name),
                changed_at: row.changed_at,
            })
        })
        .collect()
}

impl From<GrantBalance> for Balance {
    fn from(standing: GrantBalance) -> Self {
        Self {
            granted: standing.granted,
            held: standing.held,
            settled: standing.settled,
            available: standing.available,
            overrun: standing.overrun,
            granted_usek: standing.granted_usek,
            held_usek: standing.held_usek,
            settled_usek: standing.settled_usek,
            available_usek: standing.available_usek,
            overrun_usek: standing.overrun_usek,
        }
    }
}
