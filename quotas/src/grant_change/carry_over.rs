//! Carrying over: a part of what expired goes to the project's later grant, by the fund's own rule.

use accounting::ledger::{self, GrantTransfer};
use record::{GpuSeconds, MicroSek, Stamp};
use sqlx::PgConnection;

use super::{
    CarryOver, Change, ChangeError, ChangeKind, rules,
    side::{Side, locked},
    store::{carried_over, earlier, lost_by_expiry, write},
};
use crate::grant::{GrantEnd, GrantEnding};

/// Carries over what the rule allows; an equal repeat returns the change it made.
pub async fn carry_over(
    tx: &mut PgConnection,
    asked: &CarryOver,
    stamp: &Stamp<'_>,
) -> Result<Change, ChangeError> {
    let CarryOver { change_id, from_grant_id, to_grant_id, decided_by } = *asked;
    rules::two_grants(change_id, from_grant_id, to_grant_id)?;
    let [from, to] = locked(&mut *tx, [from_grant_id, to_grant_id]).await?;
    let is_same = |it: &Change| {
        it.kind == ChangeKind::CarriedOver
            && (it.grant_id, it.other_grant_id) == (from_grant_id, Some(to_grant_id))
            && it.decided_by == Some(decided_by)
    };
    if let Some(earlier) = earlier(&mut *tx, change_id, is_same).await? {
        return Ok(earlier);
    }
    rules::may_decide(&mut *tx, change_id, decided_by, &[&from, &to], stamp).await?;
    to.is_open(stamp.now)?;
    from.may_give_to(&to)?;
    from.is_of_the_project_of(&to)?;
    let (gpu_seconds, usek) = from.left_over(&mut *tx).await?;
    to.has_room(&mut *tx, gpu_seconds, GpuSeconds::ZERO).await?;
    let change = Change {
        change_id,
        kind: ChangeKind::CarriedOver,
        grant_id: from_grant_id,
        other_grant_id: Some(to_grant_id),
        gpu_seconds,
        usek,
        decided_by: Some(decided_by),
        changed_at: stamp.now,
    };
    let change = write(&mut *tx, change, stamp).await?;
    let transfer_id = change_id;
    let moved = GrantTransfer { transfer_id, from_grant_id, to_grant_id, gpu_seconds, usek };
    ledger::carry_over(tx, &moved, &Stamp { why: None, ..*stamp }).await?;
    Ok(change)
}

impl Side {
    /// What the fund's rule carries over of what the grant lost by expiry, once.
    async fn left_over(
        &self,
        tx: &mut PgConnection,
    ) -> Result<(GpuSeconds, MicroSek), ChangeError> {
        let (grant_id, fund_id) = (self.grant.grant_id, self.fund.fund_id);
        if !matches!(self.grant.end, Some(GrantEnd { ending: GrantEnding::Expired, .. })) {
            return Err(ChangeError::NotExpired(grant_id));
        }
        let ppm = self.fund.carry_over_ppm;
        if ppm == 0 {
            return Err(ChangeError::CarryOverNotAllowed { fund_id });
        }
        if let Some(change_id) = carried_over(&mut *tx, grant_id).await? {
            return Err(ChangeError::AlreadyCarriedOver { grant_id, change_id });
        }
        let (lost, lost_usek) = lost_by_expiry(tx, grant_id).await?;
        let gpu_seconds = GpuSeconds::new(rules::part(lost, ppm)).unwrap_or_default();
        let usek = MicroSek::new(rules::part(lost_usek, ppm)).unwrap_or_default();
        if (gpu_seconds, usek) == (GpuSeconds::ZERO, MicroSek::ZERO) {
            return Err(ChangeError::NothingToCarryOver(grant_id));
        }
        Ok((gpu_seconds, usek))
    }
}
