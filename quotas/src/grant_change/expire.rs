//! Expiry: when a grant's end has come, what is free in it goes back to its pool and fund.
//!
//! Run as often as one likes. What an open hold still has stays with the hold; when it comes back
//! to a grant that has ended, the next run sweeps it.

use accounting::ledger;
use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek, Stamp, id};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Change, ChangeError, ChangeKind, side,
    store::{write, write_end},
};

/// A grant that came to its end, or to which something came back after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Expired {
    /// The grant.
    pub grant_id: Uuid,
    /// Whose.
    pub project_id: Uuid,
    /// The time that went back to the pool; may be nothing.
    pub gpu_seconds: GpuSeconds,
    /// The money that went back to the fund; may be nothing.
    pub usek: MicroSek,
}

/// Ends at most `limit` grants whose end has come by `now`, and sweeps those that ended before.
pub async fn expire_due(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
    stamp: &Stamp<'_>,
) -> Result<Vec<Expired>, ChangeError> {
    let mut due = ending(&mut *tx, now, limit).await?;
    let room = usize::try_from(limit).unwrap_or(0).saturating_sub(due.len());
    due.extend(left_behind(&mut *tx).await?.into_iter().take(room));
    // The order in which a hold locks its grants.
    due.sort_unstable();
    let grant_ids: Vec<Uuid> = due.iter().map(|&(grant_id, _)| grant_id).collect();
    side::lock(&mut *tx, &grant_ids).await?;
    let mut expired = Vec::with_capacity(due.len());
    for (grant_id, project_id) in due {
        let has_ended_now = write_end(&mut *tx, grant_id, None, stamp.now).await?;
        let change_id = id::fresh();
        let returned = ledger::expire(&mut *tx, change_id, grant_id, stamp).await?;
        let (gpu_seconds, usek) = (returned.gpu_seconds, returned.usek);
        if !has_ended_now && (gpu_seconds, usek) == (GpuSeconds::ZERO, MicroSek::ZERO) {
            continue; // Somebody else swept it meanwhile.
        }
        let change = Change {
            change_id,
            kind: ChangeKind::Expired,
            grant_id,
            other_grant_id: None,
            gpu_seconds,
            usek,
            decided_by: None,
            changed_at: stamp.now,
        };
        write(&mut *tx, change, stamp).await?;
        expired.push(Expired { grant_id, project_id, gpu_seconds, usek });
    }
    Ok(expired)
}

/// Grants whose end has come and that nobody has ended, the earliest first, with their projects.
async fn ending(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(Uuid, Uuid)>, sqlx::Error> {
    let rows = sqlx::query!(
        "select g.grant_id, g.project_id
         from quotas.grant g
         where g.valid_until <= $1
             and not exists (select from quotas.grant_end e where e.grant_id = g.grant_id)
         order by g.valid_until, g.grant_id limit $2",
        now,
        limit,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.grant_id, row.project_id)).collect())
}

/// Grants that have ended and have something free all the same, with their projects.
async fn left_behind(tx: &mut PgConnection) -> Result<Vec<(Uuid, Uuid)>, ChangeError> {
    let ended = sqlx::query!(
        "select e.grant_id, g.project_id
         from quotas.grant_end e join quotas.grant g using (grant_id) order by e.grant_id"
    )
    .fetch_all(&mut *tx)
    .await?;
    let grant_ids: Vec<Uuid> = ended.iter().map(|row| row.grant_id).collect();
    let balances = ledger::balances_of_grants(tx, &grant_ids).await?;
    let has_free = |grant_id| {
        balances.get(grant_id).is_some_and(|balance| {
            (balance.available, balance.available_usek) != (GpuSeconds::ZERO, MicroSek::ZERO)
        })
    };
    let left = ended.iter().filter(|row| has_free(&row.grant_id));
    Ok(left.map(|row| (row.grant_id, row.project_id)).collect())
}
