//! The rules of changes, each under its own name.

use accounting::ledger;
use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek, Stamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{ChangeError, side::Side};
use crate::{
    agency_share, decision::Conflict, fund::WHOLE_PPM, grant::GrantEnd, instant::person_of, project,
};

/// Whether the person may decide on a change that touches these grants, and said why.
pub(super) async fn may_decide(
    tx: &mut PgConnection,
    change_id: Uuid,
    decided_by: Uuid,
    sides: &[&Side],
    stamp: &Stamp<'_>,
) -> Result<(), ChangeError> {
    if let Some(actor) = person_of(stamp.actor)
        && actor != decided_by
    {
        return Err(ChangeError::NotTheDecider { actor, decided_by });
    }
    for side in sides {
        let (grant_id, pool_id) = (side.grant.grant_id, side.pool.pool_id);
        let conflict = if side.requested_by == decided_by {
            Some(Conflict::Requester)
        } else if project::was_ever_member(&mut *tx, side.grant.project_id, decided_by).await? {
            Some(Conflict::Member)
        } else {
            None
        };
        if let Some(conflict) = conflict {
            return Err(ChangeError::SelfApproval { grant_id, decided_by, conflict });
        }
        if [side.pool.created_by, side.fund.created_by].contains(&Some(decided_by)) {
            return Err(ChangeError::OperatorCannotDecide { pool_id, decided_by });
        }
    }
    if stamp.why.is_none_or(|why| why.trim().is_empty()) {
        return Err(ChangeError::MotivationMissing(change_id));
    }
    Ok(())
}

/// A change moves time, money or both.
pub(super) fn moves_something(
    change_id: Uuid,
    gpu_seconds: GpuSeconds,
    usek: MicroSek,
) -> Result<(), ChangeError> {
    if gpu_seconds == GpuSeconds::ZERO && usek == MicroSek::ZERO {
        return Err(ChangeError::ChangeEmpty(change_id));
    }
    Ok(())
}

/// A change of two grants names two.
pub(super) fn two_grants(change_id: Uuid, one: Uuid, other: Uuid) -> Result<(), ChangeError> {
    if one == other {
        return Err(ChangeError::SameGrant { change_id, grant_id: one });
    }
    Ok(())
}

impl Side {
    /// Whether the grant has not come to its end.
    pub(super) fn has_not_ended(&self) -> Result<(), ChangeError> {
        match self.grant.end {
            None => Ok(()),
            Some(GrantEnd { ending, ended_at, .. }) => {
                let grant_id = self.grant.grant_id;
                Err(ChangeError::GrantEnded { grant_id, ending, ended_at })
            }
        }
    }

    /// Whether the grant has not come to its end and its window is not over.
    pub(super) fn is_open(&self, now: DateTime<Utc>) -> Result<(), ChangeError> {
        self.has_not_ended()?;
        let (grant_id, ended_at) = (self.grant.grant_id, self.grant.valid_until);
        if ended_at <= now {
            return Err(ChangeError::GrantOver { grant_id, ended_at });
        }
        Ok(())
    }

    /// Whether time may move from here to `to`: funds never mix, and a second is of one class.
    pub(super) fn may_give_to(&self, to: &Self) -> Result<(), ChangeError> {
        if self.fund.fund_id != to.fund.fund_id {
            let (from_grant_id, to_grant_id) = (self.grant.grant_id, to.grant.grant_id);
            return Err(ChangeError::FundsNeverMix { from_grant_id, to_grant_id });
        }
        self.is_of_the_class_of(to)
    }

    /// Whether both are time of one class and one allocation unit.
    pub(super) fn is_of_the_class_of(&self, other: &Self) -> Result<(), ChangeError> {
        if (&self.pool.class, self.pool.unit) != (&other.pool.class, other.pool.unit) {
            return Err(ChangeError::ClassDiffers {
                grant_id: self.grant.grant_id,
                class: self.pool.class.clone(),
                other_grant_id: other.grant.grant_id,
                other_class: other.pool.class.clone(),
            });
        }
        Ok(())
    }

    /// Whether both are one project's.
    pub(super) fn is_of_the_project_of(&self, other: &Self) -> Result<(), ChangeError> {
        if self.grant.project_id != other.grant.project_id {
            let (grant_id, other_grant_id) = (self.grant.grant_id, other.grant.grant_id);
            return Err(ChangeError::ProjectDiffers { grant_id, other_grant_id });
        }
        Ok(())
    }

    /// Whether the grant may be raised by `wanted`: within its access mode and its agency's share.
    ///
    /// `moved_within` is what the agency loses in the same pool by the same change.
    pub(super) async fn has_room(
        &self,
        tx: &mut PgConnection,
        wanted: GpuSeconds,
        moved_within: GpuSeconds,
    ) -> Result<(), ChangeError> {
        let (grant_id, pool_id, agency_id) =
            (self.grant.grant_id, self.pool.pool_id, self.agency_id);
        if let Some(mode) = &self.mode {
            let granted = ledger::balance_of_grant(&mut *tx, grant_id).await?.granted;
            let max = mode.max_gpu_seconds;
            if granted.checked_add(wanted).is_none_or(|after| after > max) {
                let mode = mode.name.clone();
                return Err(ChangeError::BeyondAccessMode { grant_id, mode, wanted, granted, max });
            }
        }
        let more = wanted.checked_sub(moved_within).unwrap_or(GpuSeconds::ZERO);
        let standing = agency_share::standing(tx, pool_id, agency_id).await?;
        standing.room_for(more).map_err(|share| {
            let granted = standing.granted;
            ChangeError::AgencyShareExhausted { agency_id, pool_id, wanted, share, granted }
        })
    }
}

/// The part of `amount` that a rule in parts per million carries over, cut to whole units.
pub(super) fn part(amount: i64, ppm: i64) -> i64 {
    let part = i128::from(amount) * i128::from(ppm) / i128::from(WHOLE_PPM);
    i64::try_from(part).unwrap_or(amount)
}
