//! Superseding: a grant is replaced by another of the same project; what is free in it goes back.
//!
//! Open holds of the old grant stay and are settled on it; what they return is swept afterwards.

use accounting::ledger;
use record::Stamp;
use sqlx::PgConnection;

use super::{
    Change, ChangeError, ChangeKind, Supersede, rules,
    side::locked,
    store::{earlier, write, write_end},
};

/// Replaces a grant; an equal repeat returns the change it made.
pub async fn supersede(
    tx: &mut PgConnection,
    asked: &Supersede,
    stamp: &Stamp<'_>,
) -> Result<Change, ChangeError> {
    let Supersede { change_id, old_grant_id, new_grant_id, decided_by } = *asked;
    rules::two_grants(change_id, old_grant_id, new_grant_id)?;
    let [old, new] = locked(&mut *tx, [old_grant_id, new_grant_id]).await?;
    let is_same = |it: &Change| {
        it.kind == ChangeKind::Superseded
            && (it.grant_id, it.other_grant_id) == (old_grant_id, Some(new_grant_id))
            && it.decided_by == Some(decided_by)
    };
    if let Some(earlier) = earlier(&mut *tx, change_id, is_same).await? {
        return Ok(earlier);
    }
    rules::may_decide(&mut *tx, change_id, decided_by, &[&old, &new], stamp).await?;
    old.has_not_ended()?;
    new.is_open(stamp.now)?;
    old.is_of_the_project_of(&new)?;
    old.is_of_the_class_of(&new)?;
    let without_why = Stamp { why: None, ..*stamp };
    let returned = ledger::expire(&mut *tx, change_id, old_grant_id, &without_why).await?;
    let change = Change {
        change_id,
        kind: ChangeKind::Superseded,
        grant_id: old_grant_id,
        other_grant_id: Some(new_grant_id),
        gpu_seconds: returned.gpu_seconds,
        usek: returned.usek,
        decided_by: Some(decided_by),
        changed_at: stamp.now,
    };
    let change = write(&mut *tx, change, stamp).await?;
    write_end(tx, old_grant_id, Some(new_grant_id), stamp.now).await?;
    Ok(change)
}
