//! Giving back: a project returns what it does not need, and others can have it at once.

use accounting::ledger::{self, GrantMove};
use record::Stamp;
use sqlx::PgConnection;

use super::{
    Change, ChangeError, ChangeKind, GiveBack, rules,
    side::locked,
    store::{earlier, write},
};

/// Returns free time and money of a grant; an equal repeat returns the change it made.
pub async fn give_back(
    tx: &mut PgConnection,
    asked: &GiveBack,
    stamp: &Stamp<'_>,
) -> Result<Change, ChangeError> {
    let GiveBack { change_id, grant_id, gpu_seconds, usek } = *asked;
    rules::moves_something(change_id, gpu_seconds, usek)?;
    let [side] = locked(&mut *tx, [grant_id]).await?;
    let change = Change {
        change_id,
        kind: ChangeKind::GivenBack,
        grant_id,
        other_grant_id: None,
        gpu_seconds,
        usek,
        decided_by: None,
        changed_at: stamp.now,
    };
    if let Some(earlier) = earlier(&mut *tx, change_id, |it| it.is(&change)).await? {
        return Ok(earlier);
    }
    side.has_not_ended()?;
    let change = write(&mut *tx, change, stamp).await?;
    let without_why = Stamp { why: None, ..*stamp };
    let moved = GrantMove { transfer_id: change_id, grant_id, gpu_seconds, usek };
    ledger::give_back(tx, &moved, &without_why).await?;
    Ok(change)
}
