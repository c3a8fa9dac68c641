//! Changes of grants in the database.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Change, ChangeError, ChangeKind};
use crate::{grant::GrantEnding, inconsistency::Inconsistency};

/// The changes that `$tail` selects, as rows.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            ChangeRow,
            r#"select change_id, kind as "kind: ChangeKind", grant_id, other_grant_id, gpu_seconds,
                   usek, decided_by, changed_at
               from quotas.grant_change"# + $tail
            $(, $value)*
        )
    };
}

/// Everything that happened to a grant, and what it got from others, oldest first.
pub async fn list_for_grant(
    tx: &mut PgConnection,
    grant_id: Uuid,
) -> Result<Vec<Change>, sqlx::Error> {
    let rows = select!(
        " where grant_id = $1 or other_grant_id = $1 order by changed_at, change_id",
        grant_id
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Change::try_from).collect::<Result<_, _>>()?)
}

/// The change that stands under the id, if `is_same` finds that it is the one asked for.
pub(super) async fn earlier(
    tx: &mut PgConnection,
    change_id: Uuid,
    is_same: impl FnOnce(&Change) -> bool,
) -> Result<Option<Change>, ChangeError> {
    match by_id(tx, change_id).await? {
        Some(earlier) if is_same(&earlier) => Ok(Some(earlier)),
        Some(_) => Err(ChangeError::ChangeIdReused(change_id)),
        None => Ok(None),
    }
}

/// Writes a change and its audit row.
pub(super) async fn write(
    tx: &mut PgConnection,
    change: Change,
    stamp: &Stamp<'_>,
) -> Result<Change, ChangeError> {
    let inserted = sqlx::query!(
        "insert into quotas.grant_change (change_id, kind, grant_id, other_grant_id, gpu_seconds,
             usek, decided_by, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (change_id) do nothing",
        change.change_id,
        change.kind as ChangeKind,
        change.grant_id,
        change.other_grant_id,
        change.gpu_seconds.get(),
        change.usek.get(),
        change.decided_by,
        change.changed_at,
    )
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(ChangeError::ChangeIdReused(change.change_id));
    }
    let details = json!({
        "change_id": change.change_id,
        "other_grant_id": change.other_grant_id,
        "gpu_seconds": change.gpu_seconds,
        "usek": change.usek,
        "decided_by": change.decided_by,
    });
    stamp.audit(&mut *tx, change.kind.action(), ("grant", change.grant_id), details).await?;
    Ok(by_id(tx, change.change_id).await?.ok_or(sqlx::Error::RowNotFound)?)
}

/// Writes that a grant came to its end; tells whether it had not before.
pub(super) async fn write_end(
    tx: &mut PgConnection,
    grant_id: Uuid,
    superseded_by: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let ending =
        if superseded_by.is_some() { GrantEnding::Superseded } else { GrantEnding::Expired };
    let inserted = sqlx::query!(
        "insert into quotas.grant_end (grant_id, ending, superseded_by, ended_at)
         values ($1, $2, $3, $4) on conflict (grant_id) do nothing",
        grant_id,
        ending as GrantEnding,
        superseded_by,
        now,
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// What a grant lost by expiry in all.
pub(super) async fn lost_by_expiry(
    tx: &mut PgConnection,
    grant_id: Uuid,
) -> Result<(i64, i64), sqlx::Error> {
    let lost = sqlx::query!(
        r#"select coalesce(sum(gpu_seconds), 0)::bigint as "gpu_seconds!",
               coalesce(sum(usek), 0)::bigint as "usek!"
           from quotas.grant_change where grant_id = $1 and kind = 'expired'"#,
        grant_id,
    )
    .fetch_one(tx)
    .await?;
    Ok((lost.gpu_seconds, lost.usek))
}

/// The change that carried over what the grant lost, if one did.
pub(super) async fn carried_over(
    tx: &mut PgConnection,
    grant_id: Uuid,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "select change_id from quotas.grant_change where grant_id = $1 and kind = 'carried_over'",
        grant_id,
    )
    .fetch_optional(tx)
    .await
}

async fn by_id(tx: &mut PgConnection, change_id: Uuid) -> Result<Option<Change>, sqlx::Error> {
    let row = select!(" where change_id = $1", change_id).fetch_optional(tx).await?;
    Ok(row.map(Change::try_from).transpose()?)
}

impl ChangeKind {
    /// What the audit trail calls it.
    const fn action(self) -> &'static str {
        match self {
            Self::ToppedUp => "grant.top_up",
            Self::GivenBack => "grant.give_back",
            Self::Transferred => "grant.transfer",
            Self::CarriedOver => "grant.carry_over",
            Self::Superseded => "grant.supersede",
            Self::Expired => "grant.expire",
        }
    }
}

struct ChangeRow {
    change_id: Uuid,
    kind: ChangeKind,
    grant_id: Uuid,
    other_grant_id: Option<Uuid>,
    gpu_seconds: i64,
    usek: i64,
    decided_by: Option<Uuid>,
    changed_at: DateTime<Utc>,
}

impl TryFrom<ChangeRow> for Change {
    type Error = Inconsistency;

    fn try_from(row: ChangeRow) -> Result<Self, Inconsistency> {
        let impossible =
            |column| Inconsistency { table: "quotas.grant_change", column, row: row.change_id };
        Ok(Self {
            change_id: row.change_id,
            kind: row.kind,
            grant_id: row.grant_id,
            other_grant_id: row.other_grant_id,
            gpu_seconds: GpuSeconds::new(row.gpu_seconds).ok_or(impossible("gpu_seconds"))?,
            usek: MicroSek::new(row.usek).ok_or(impossible("usek"))?,
            decided_by: row.decided_by,
            changed_at: row.changed_at,
        })
    }
}
