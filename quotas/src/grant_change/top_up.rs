//! Topping up: a grant gets more from its own pool and fund.

use accounting::ledger::{self, GrantMove};
use record::{GpuSeconds, Stamp};
use sqlx::PgConnection;

use super::{
    Change, ChangeError, ChangeKind, TopUp, rules,
    side::locked,
    store::{earlier, write},
};

/// Tops a grant up; an equal repeat returns the change it made.
pub async fn top_up(
    tx: &mut PgConnection,
    asked: &TopUp,
    stamp: &Stamp<'_>,
) -> Result<Change, ChangeError> {
    let TopUp { change_id, grant_id, gpu_seconds, usek, decided_by } = *asked;
    rules::moves_something(change_id, gpu_seconds, usek)?;
    let [side] = locked(&mut *tx, [grant_id]).await?;
    let change = Change {
        change_id,
        kind: ChangeKind::ToppedUp,
        grant_id,
        other_grant_id: None,
        gpu_seconds,
        usek,
        decided_by: Some(decided_by),
        changed_at: stamp.now,
    };
    if let Some(earlier) = earlier(&mut *tx, change_id, |it| it.is(&change)).await? {
        return Ok(earlier);
    }
    rules::may_decide(&mut *tx, change_id, decided_by, &[&side], stamp).await?;
    side.is_open(stamp.now)?;
    side.has_room(&mut *tx, gpu_seconds, GpuSeconds::ZERO).await?;
    let change = write(&mut *tx, change, stamp).await?;
    // The motivation is kept once, with the change's own audit row, so that it can be erased once.
    let without_why = Stamp { why: None, ..*stamp };
    let moved = GrantMove { transfer_id: change_id, grant_id, gpu_seconds, usek };
    ledger::top_up(tx, &moved, &without_why).await?;
    Ok(change)
}

impl Change {
    /// Whether it is just the change `asked` for, whenever that was.
    pub(super) fn is(&self, asked: &Self) -> bool {
        let changed_at = self.changed_at;
        *self == Self { changed_at, ..asked.clone() }
    }
}
