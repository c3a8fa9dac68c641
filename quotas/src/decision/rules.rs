//! The rules of a decision, over facts that were read before. Pure.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek, Stamp};

use super::{Conflict, Criterion, DecideError, HIGHEST_POINTS, NewGrant, Score};
use crate::{
    access_mode::AccessMode,
    agency::Category,
    fund::{Fund, category_purpose},
    instant::person_of,
    pool::Pool,
    project::DataClass,
    request::Request,
};
use uuid::Uuid;

/// The criteria that every approval scores: the two that the government's report names.
const ALWAYS_SCORED: [Criterion; 2] = [Criterion::SocietalBenefit, Criterion::Security];

/// Who decides on what, and what ties them to it.
pub(super) struct Ballot<'a> {
    pub(super) decision_id: Uuid,
    pub(super) decided_by: Uuid,
    pub(super) request: &'a Request,
    /// Is, or ever was, a member of the project.
    pub(super) was_member: bool,
    pub(super) scores: &'a [Score],
}

/// What a grant would be drawn from, and for whom.
pub(super) struct Source<'a> {
    pub(super) pool: &'a Pool,
    pub(super) fund: &'a Fund,
    pub(super) category: Category,
    pub(super) data_class: DataClass,
}

impl Ballot<'_> {
    /// Whether this person may decide, and said why.
    pub(super) fn may_be_cast(&self, stamp: &Stamp<'_>) -> Result<(), DecideError> {
        let Self { decision_id, decided_by, request, was_member, .. } = *self;
        let request_id = request.request_id;
        if let Some(actor) = person_of(stamp.actor)
            && actor != decided_by
        {
            return Err(DecideError::NotTheDecider { actor, decided_by });
        }
        if request.requested_by == decided_by {
            let conflict = Conflict::Requester;
            return Err(DecideError::SelfApproval { request_id, decided_by, conflict });
        }
        if was_member {
            let conflict = Conflict::Member;
            return Err(DecideError::SelfApproval { request_id, decided_by, conflict });
        }
        if stamp.why.is_none_or(|why| why.trim().is_empty()) {
            return Err(DecideError::MotivationMissing(decision_id));
        }
        self.scores_are_valid()
    }

    /// Whether the criteria that an approval needs have points.
    pub(super) fn is_scored(&self) -> Result<(), DecideError> {
        let decision_id = self.decision_id;
        for criterion in ALWAYS_SCORED {
            if !self.scores.iter().any(|score| score.criterion == criterion) {
                return Err(DecideError::ScoreMissing { decision_id, criterion });
            }
        }
        Ok(())
    }

    fn scores_are_valid(&self) -> Result<(), DecideError> {
        for (place, score) in self.scores.iter().enumerate() {
            let Score { criterion, points } = *score;
            let is_repeated =
                self.scores[..place].iter().any(|earlier| earlier.criterion == criterion);
            if is_repeated || !(0..=HIGHEST_POINTS).contains(&points) {
                let decision_id = self.decision_id;
                return Err(DecideError::ScoreNotValid { decision_id, criterion });
            }
        }
        Ok(())
    }

    /// Whether `grant` may be drawn from `source`.
    pub(super) fn may_grant(
        &self,
        grant: &NewGrant,
        source: &Source<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), DecideError> {
        let Source { pool, fund, category, data_class } = *source;
        let (decided_by, pool_id) = (self.decided_by, pool.pool_id);
        if [pool.created_by, fund.created_by].contains(&Some(decided_by)) {
            return Err(DecideError::OperatorCannotDecide { pool_id, decided_by });
        }
        if category_purpose(category) != fund.purpose {
            let (fund_id, fund_purpose) = (fund.fund_id, fund.purpose);
            return Err(DecideError::FundsNeverMix { fund_id, fund_purpose, category });
        }
        if pool.class != self.request.class {
            let (asked, offered) = (self.request.class.clone(), pool.class.clone());
            return Err(DecideError::ClassDiffers { pool_id, asked, offered });
        }
        if !data_class.may_run_on(&pool.partition) {
            let partition = pool.partition.clone();
            return Err(DecideError::PartitionNotConfidential { pool_id, partition });
        }
        if grant.gpu_seconds == GpuSeconds::ZERO
            || grant.usek == MicroSek::ZERO
            || grant.max_wall_time_s < 1
            || grant.max_gpus < 1
        {
            return Err(DecideError::GrantEmpty(grant.grant_id));
        }
        window_fits(grant, source, now)
    }
}

/// A request in an access mode is granted from the mode's fund, and no more or longer than it allows.
pub(super) fn within_mode(
    grant: &NewGrant,
    mode: &AccessMode,
    fund_id: Uuid,
) -> Result<(), DecideError> {
    let NewGrant { grant_id, gpu_seconds, valid_from, valid_until, .. } = *grant;
    if mode.fund_id != fund_id {
        let mode_fund_id = mode.fund_id;
        return Err(DecideError::AccessModeOfAnotherFund { grant_id, fund_id, mode_fund_id });
    }
    if gpu_seconds > mode.max_gpu_seconds || valid_until > mode.latest_end(valid_from) {
        let (mode, max, max_days) = (mode.name.clone(), mode.max_gpu_seconds, mode.max_days);
        return Err(DecideError::BeyondAccessMode { grant_id, mode, max, max_days });
    }
    Ok(())
}

/// Nothing is granted past the end of the money or the pool, nor before the environment opens.
fn window_fits(
    grant: &NewGrant,
    source: &Source<'_>,
    now: DateTime<Utc>,
) -> Result<(), DecideError> {
    let Source { pool, fund, .. } = *source;
    let NewGrant { grant_id, valid_from, valid_until, .. } = *grant;
    if valid_from >= valid_until || valid_until <= now {
        return Err(DecideError::GrantWindowBackward { grant_id, valid_from, valid_until });
    }
    if valid_until > fund.valid_until {
        let (fund_id, ends_at) = (fund.fund_id, fund.valid_until);
        return Err(DecideError::PastTheFundsEnd { grant_id, fund_id, valid_until, ends_at });
    }
    if valid_until > pool.valid_until {
        let (pool_id, ends_at) = (pool.pool_id, pool.valid_until);
        return Err(DecideError::PastThePoolsEnd { grant_id, pool_id, valid_until, ends_at });
    }
    let opens_at = pool.usable_from(fund);
    if valid_from < opens_at {
        return Err(DecideError::BeforeThePoolsStart { grant_id, valid_from, opens_at });
    }
    Ok(())
}
