//! Transfers: what is free in one grant goes to another of the same fund and class.
//!
//! Within one pool it moves from grant to grant. Between two pools it goes back to the one and out
//! of the other, so that no pool's grants ever have more than the pool promises.

use accounting::ledger::{self, GrantMove, GrantTransfer};
use record::{GpuSeconds, Stamp, id};
use sqlx::PgConnection;

use super::{
    Change, ChangeError, ChangeKind, Transfer, rules,
    side::{Side, locked},
    store::{earlier, write},
};

/// Moves time and money between two grants; an equal repeat returns the change it made.
pub async fn transfer(
    tx: &mut PgConnection,
    asked: &Transfer,
    stamp: &Stamp<'_>,
) -> Result<Change, ChangeError> {
    let Transfer { change_id, from_grant_id, to_grant_id, gpu_seconds, usek, decided_by } = *asked;
    rules::moves_something(change_id, gpu_seconds, usek)?;
    rules::two_grants(change_id, from_grant_id, to_grant_id)?;
    let [from, to] = locked(&mut *tx, [from_grant_id, to_grant_id]).await?;
    let change = Change {
        change_id,
        kind: ChangeKind::Transferred,
        grant_id: from_grant_id,
        other_grant_id: Some(to_grant_id),
        gpu_seconds,
        usek,
        decided_by: Some(decided_by),
        changed_at: stamp.now,
    };
    if let Some(earlier) = earlier(&mut *tx, change_id, |it| it.is(&change)).await? {
        return Ok(earlier);
    }
    rules::may_decide(&mut *tx, change_id, decided_by, &[&from, &to], stamp).await?;
    from.is_open(stamp.now)?;
    to.is_open(stamp.now)?;
    from.may_give_to(&to)?;
    let is_within = from.pool.pool_id == to.pool.pool_id && from.agency_id == to.agency_id;
    let moved_within = if is_within { gpu_seconds } else { GpuSeconds::ZERO };
    to.has_room(&mut *tx, gpu_seconds, moved_within).await?;
    let change = write(&mut *tx, change, stamp).await?;
    post(tx, asked, &from, &to, &Stamp { why: None, ..*stamp }).await?;
    Ok(change)
}

async fn post(
    tx: &mut PgConnection,
    asked: &Transfer,
    from: &Side,
    to: &Side,
    stamp: &Stamp<'_>,
) -> Result<(), ChangeError> {
    let Transfer { change_id, from_grant_id, to_grant_id, gpu_seconds, usek, .. } = *asked;
    let transfer_id = change_id;
    if from.pool.pool_id == to.pool.pool_id {
        let moved = GrantTransfer { transfer_id, from_grant_id, to_grant_id, gpu_seconds, usek };
        ledger::transfer(tx, &moved, stamp).await?;
    } else {
        let returned = GrantMove { transfer_id, grant_id: from_grant_id, gpu_seconds, usek };
        ledger::give_back(&mut *tx, &returned, stamp).await?;
        let given = GrantMove { transfer_id: id::fresh(), grant_id: to_grant_id, ..returned };
        ledger::top_up(tx, &given, stamp).await?;
    }
    Ok(())
}
