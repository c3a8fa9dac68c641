//! Decisions in the database.

use accounting::ledger::{self, LedgerError, OpenGrant};
use chrono::{DateTime, Utc};
use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Approve, Criterion, DecideError, Decision, NewGrant, Outcome, Reject, Score,
    rules::{Ballot, Source, within_mode},
};
use crate::{
    access_mode, agency, agency_share, fund,
    grant::{self, Grant},
    instant::kept,
    pool,
    project::{self, Project},
    request::{self, Request},
};

/// Approves a request and opens its grant in the ledger; an equal repeat returns the grant.
pub async fn approve(
    tx: &mut PgConnection,
    approval: &Approve,
    stamp: &Stamp<'_>,
) -> Result<Grant, DecideError> {
    let Approve { decision_id, request_id, decided_by, ref scores, grant: ref new } = *approval;
    let (request, project) = locked(&mut *tx, request_id).await?;
    if let Some(earlier) = earlier(&mut *tx, decision_id, request_id).await? {
        let granted = grant::by_decision(&mut *tx, decision_id).await?;
        return match granted {
            Some(granted)
                if earlier.is(decided_by, Outcome::Approved, scores) && granted.is(new) =>
            {
                Ok(granted)
            }
            _ => Err(DecideError::DecisionIdReused(decision_id)),
        };
    }

    let was_member = project::was_ever_member(&mut *tx, project.project_id, decided_by).await?;
    let ballot = Ballot { decision_id, decided_by, request: &request, was_member, scores };
    ballot.may_be_cast(stamp)?;
    ballot.is_scored()?;
    // Two deciders for one agency queue here, else both could take the last of its share.
    pool::lock(&mut *tx, new.pool_id).await?;
    let pool =
        pool::by_id(&mut *tx, new.pool_id).await?.ok_or(DecideError::NoSuchPool(new.pool_id))?;
    let fund = fund::by_id(&mut *tx, pool.fund_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let agency =
        agency::by_id(&mut *tx, project.agency_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let source = Source {
        pool: &pool,
        fund: &fund,
        category: agency.category,
        data_class: project.data_class,
    };
    ballot.may_grant(new, &source, stamp.now)?;
    let mode = match request.access_mode_id {
        Some(access_mode_id) => access_mode::by_id(&mut *tx, access_mode_id).await?,
        None => None,
    };
    mode.map_or(Ok(()), |mode| within_mode(new, &mode, pool.fund_id))?;
    let standing = agency_share::standing(&mut *tx, pool.pool_id, agency.agency_id)
        .await
        .map_err(DecideError::of_ledger)?;
    standing.room_for(new.gpu_seconds).map_err(|share| DecideError::AgencyShareExhausted {
        agency_id: agency.agency_id,
        pool_id: pool.pool_id,
        wanted: new.gpu_seconds,
        share,
        granted: standing.granted,
    })?;

    write(&mut *tx, &ballot, Outcome::Approved, stamp.now).await?;
    let granted = write_grant(&mut *tx, approval, project.project_id, stamp.now).await?;
    // The motivation is kept once, with the decision's own audit row, so that it can be erased once.
    let without_why = Stamp { why: None, ..*stamp };
    let opened = OpenGrant {
        grant_id: new.grant_id,
        pool_id: pool.pool_id,
        fund_id: fund.fund_id,
        gpu_seconds: new.gpu_seconds,
        usek: new.usek,
    };
    ledger::open_grant(&mut *tx, &opened, &without_why).await.map_err(DecideError::of_ledger)?;
    let details = json!({
        "request_id": request_id,
        "decided_by": decided_by,
        "scores": scores,
        "grant_id": granted.grant_id,
        "pool_id": granted.pool_id,
        "fund_id": granted.fund_id,
        "gpu_seconds": granted.gpu_seconds,
        "usek": granted.usek,
        "valid_from": granted.valid_from,
        "valid_until": granted.valid_until,
        "max_wall_time_s": granted.max_wall_time_s,
        "max_gpus": granted.max_gpus,
    });
    stamp.audit(tx, "decision.approve", ("decision", decision_id), details).await?;
    Ok(granted)
}

/// Rejects a request; an equal repeat changes nothing.
pub async fn reject(
    tx: &mut PgConnection,
    rejection: &Reject,
    stamp: &Stamp<'_>,
) -> Result<Decision, DecideError> {
    let Reject { decision_id, request_id, decided_by, ref scores } = *rejection;
    let (request, project) = locked(&mut *tx, request_id).await?;
    if let Some(earlier) = earlier(&mut *tx, decision_id, request_id).await? {
        return if earlier.is(decided_by, Outcome::Rejected, scores) {
            Ok(earlier)
        } else {
            Err(DecideError::DecisionIdReused(decision_id))
        };
    }
    let was_member = project::was_ever_member(&mut *tx, project.project_id, decided_by).await?;
    let ballot = Ballot { decision_id, decided_by, request: &request, was_member, scores };
    ballot.may_be_cast(stamp)?;
    write(&mut *tx, &ballot, Outcome::Rejected, stamp.now).await?;
    let details = json!({ "request_id": request_id, "decided_by": decided_by, "scores": scores });
    stamp.audit(&mut *tx, "decision.reject", ("decision", decision_id), details).await?;
    Ok(by_request(tx, request_id).await?.ok_or(sqlx::Error::RowNotFound)?)
}

/// The decision on a request, if somebody has decided.
pub async fn by_request(
    tx: &mut PgConnection,
    request_id: Uuid,
) -> Result<Option<Decision>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select decision_id, decided_by, outcome as "outcome: Outcome", decided_at
           from quotas.decision where request_id = $1"#,
        request_id,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let scores = sqlx::query_as!(
        Score,
        r#"select criterion as "criterion: Criterion", points from quotas.score
           where decision_id = $1 order by criterion"#,
        row.decision_id,
    )
    .fetch_all(tx)
    .await?;
    Ok(Some(Decision {
        decision_id: row.decision_id,
        request_id,
        decided_by: row.decided_by,
        outcome: row.outcome,
        scores,
        decided_at: row.decided_at,
    }))
}

/// The request and its project, with the project's lock held until the transaction ends.
async fn locked(
    tx: &mut PgConnection,
    request_id: Uuid,
) -> Result<(Request, Project), DecideError> {
    let request = request::by_id(&mut *tx, request_id)
        .await?
        .ok_or(DecideError::NoSuchRequest(request_id))?;
    let project =
        project::by_id(&mut *tx, request.project_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    project::lock(tx, project.project_id).await?;
    Ok((request, project))
}

/// The decision that stands under this very id; under another id it is refused.
async fn earlier(
    tx: &mut PgConnection,
    decision_id: Uuid,
    request_id: Uuid,
) -> Result<Option<Decision>, DecideError> {
    match by_request(tx, request_id).await? {
        Some(earlier) if earlier.decision_id == decision_id => Ok(Some(earlier)),
        Some(other) => {
            Err(DecideError::AlreadyDecided { request_id, decision_id: other.decision_id })
        }
        None => Ok(None),
    }
}

async fn write(
    tx: &mut PgConnection,
    ballot: &Ballot<'_>,
    outcome: Outcome,
    now: DateTime<Utc>,
) -> Result<(), DecideError> {
    let inserted = sqlx::query!(
        "insert into quotas.decision (decision_id, request_id, decided_by, outcome, decided_at)
         values ($1, $2, $3, $4, $5) on conflict (decision_id) do nothing",
        ballot.decision_id,
        ballot.request.request_id,
        ballot.decided_by,
        outcome as Outcome,
        now,
    )
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(DecideError::DecisionIdReused(ballot.decision_id));
    }
    for score in ballot.scores {
        sqlx::query!(
            "insert into quotas.score (decision_id, criterion, points) values ($1, $2, $3)",
            ballot.decision_id,
            score.criterion as Criterion,
            score.points,
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

async fn write_grant(
    tx: &mut PgConnection,
    approval: &Approve,
    project_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Grant, DecideError> {
    let new = &approval.grant;
    let inserted = sqlx::query!(
        "insert into quotas.grant (grant_id, decision_id, project_id, pool_id, gpu_seconds, usek,
             valid_from, valid_until, max_wall_time_s, max_gpus, granted_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (grant_id) do nothing",
        new.grant_id,
        approval.decision_id,
        project_id,
        new.pool_id,
        new.gpu_seconds.get(),
        new.usek.get(),
        new.valid_from,
        new.valid_until,
        new.max_wall_time_s,
        new.max_gpus,
        now,
    )
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(DecideError::GrantIdReused(new.grant_id));
    }
    Ok(grant::by_id(tx, new.grant_id).await?.ok_or(sqlx::Error::RowNotFound)?)
}

impl DecideError {
    /// The ledger's refusal, told in the words of a decision.
    fn of_ledger(error: LedgerError) -> Self {
        match error {
            LedgerError::PoolShort { pool_id, wanted, available } => {
                Self::PoolExhausted { pool_id, wanted, available }
            }
            LedgerError::FundShort { fund_id, wanted, available } => {
                Self::FundExhausted { fund_id, wanted, available }
            }
            LedgerError::GrantIdReused(grant_id) => Self::GrantIdReused(grant_id),
            LedgerError::Database(error) => Self::Database(error),
            error => Self::Ledger(error),
        }
    }
}

impl Decision {
    /// Whether the same was decided by the same person with the same points.
    fn is(&self, decided_by: Uuid, outcome: Outcome, scores: &[Score]) -> bool {
        self.decided_by == decided_by
            && self.outcome == outcome
            && self.scores.len() == scores.len()
            && scores.iter().all(|score| self.scores.contains(score))
    }
}

impl Grant {
    /// Whether `new` asks for just this grant.
    fn is(&self, new: &NewGrant) -> bool {
        self.grant_id == new.grant_id
            && self.pool_id == new.pool_id
            && self.gpu_seconds == new.gpu_seconds
            && self.usek == new.usek
            && self.valid_from == kept(new.valid_from)
            && self.valid_until == kept(new.valid_until)
            && self.max_wall_time_s == new.max_wall_time_s
            && self.max_gpus == new.max_gpus
    }
}
