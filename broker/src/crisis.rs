//! Crisis mode: for a while, some projects go before everybody else.
//!
//! One person proposes it with a reason and an end, another confirms it, and from then on the
//! projects' QOS in Slurm go first and make others' jobs way. Nothing else is changed and nothing
//! has to be put back: what Slurm should have is computed from what is active now, so the end of
//! the crisis is the old state again. Whose runs made way is kept, run by run, as slurmdbd tells it;
//! none of them is charged.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use record::Stamp;
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

pub mod duty;
mod error;
pub mod report;
#[cfg(test)]
mod tests;

pub use error::CrisisError;

/// The longest that one crisis may be: who needs more proposes it again.
pub const LONGEST: TimeDelta = TimeDelta::days(30);

/// A crisis, proposed, active or over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Crisis {
    /// Which.
    pub crisis_id: Uuid,
    /// The projects that go first.
    pub project_ids: Vec<Uuid>,
    /// When it ends by itself.
    pub ends_at: DateTime<Utc>,
    /// Who proposed it.
    pub proposed_by: Uuid,
    /// When.
    pub proposed_at: DateTime<Utc>,
    /// Who confirmed it: somebody else.
    pub confirmed_by: Option<Uuid>,
    /// Since when it is active.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Who ended it before its time; `None` when it ended by itself.
    pub ended_by: Option<Uuid>,
}

/// A crisis to propose.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Chosen by the client; the same proposal again changes nothing.
    pub crisis_id: Uuid,
    /// The projects that shall go first.
    pub project_ids: Vec<Uuid>,
    /// When it shall end by itself.
    pub ends_at: DateTime<Utc>,
}

/// Proposes a crisis; nothing happens in Slurm until somebody else confirms it.
pub async fn propose(
    tx: &mut PgConnection,
    proposal: &Proposal,
    proposed_by: Uuid,
    stamp: &Stamp<'_>,
) -> Result<Crisis, CrisisError> {
    let Proposal { crisis_id, ends_at, .. } = *proposal;
    let projects: BTreeSet<Uuid> = proposal.project_ids.iter().copied().collect();
    let project_ids: Vec<Uuid> = projects.into_iter().collect();
    if let Some(earlier) = by_id(&mut *tx, crisis_id).await? {
        let equal = earlier.project_ids == project_ids
            && earlier.proposed_by == proposed_by
            && (earlier.ends_at - ends_at).abs() < TimeDelta::milliseconds(1);
        return if equal { Ok(earlier) } else { Err(CrisisError::CrisisIdReused(crisis_id)) };
    }
    if stamp.why.is_none_or(|why| why.trim().is_empty()) {
        return Err(CrisisError::NoReason);
    }
    if project_ids.is_empty() {
        return Err(CrisisError::NoProject);
    }
    if ends_at <= stamp.now || ends_at - stamp.now > LONGEST {
        return Err(CrisisError::EndOutOfRange { ends_at, latest: stamp.now + LONGEST });
    }
    kept_apart(&mut *tx, &project_ids, proposed_by).await?;
    sqlx::query!(
        "insert into broker.crisis (crisis_id, project_ids, ends_at, proposed_by, proposed_at)
         values ($1, $2, $3, $4, $5)",
        crisis_id,
        &project_ids,
        ends_at,
        proposed_by,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let details = json!({ "project_ids": project_ids, "ends_at": ends_at });
    stamp.audit(&mut *tx, "crisis.propose", ("crisis", crisis_id), details).await?;
    Ok(by_id(tx, crisis_id).await?.ok_or(sqlx::Error::RowNotFound)?)
}

/// Confirms another person's proposal: the crisis is active from now on.
pub async fn confirm(
    tx: &mut PgConnection,
    crisis_id: Uuid,
    confirmed_by: Uuid,
    stamp: &Stamp<'_>,
) -> Result<Crisis, CrisisError> {
    let crisis = locked(&mut *tx, crisis_id).await?;
    if crisis.confirmed_by == Some(confirmed_by) {
        return Ok(crisis);
    }
    if crisis.confirmed_by.is_some() {
        return Err(CrisisError::AlreadyConfirmed(crisis_id));
    }
    if crisis.proposed_by == confirmed_by {
        return Err(CrisisError::TakesTwo { crisis_id, person_id: confirmed_by });
    }
    if stamp.now >= crisis.ends_at || crisis.ended_at.is_some() {
        return Err(CrisisError::Over { crisis_id, ends_at: crisis.ends_at });
    }
    kept_apart(&mut *tx, &crisis.project_ids, confirmed_by).await?;
    sqlx::query!(
        "update broker.crisis set confirmed_by = $2, confirmed_at = $3 where crisis_id = $1",
        crisis_id,
        confirmed_by,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let details = json!({ "project_ids": crisis.project_ids, "ends_at": crisis.ends_at });
    stamp.audit(&mut *tx, "crisis.confirm", ("crisis", crisis_id), details).await?;
    Ok(by_id(tx, crisis_id).await?.ok_or(sqlx::Error::RowNotFound)?)
}

/// Ends a crisis before its time, or withdraws a proposal. Over already is well.
pub async fn end(
    tx: &mut PgConnection,
    crisis_id: Uuid,
    ended_by: Uuid,
    stamp: &Stamp<'_>,
) -> Result<Crisis, CrisisError> {
    let crisis = locked(&mut *tx, crisis_id).await?;
    if crisis.ended_at.is_some() {
        return Ok(crisis);
    }
    if stamp.why.is_none_or(|why| why.trim().is_empty()) {
        return Err(CrisisError::NoReason);
    }
    sqlx::query!(
        "update broker.crisis set ended_at = $2, ended_by = $3 where crisis_id = $1",
        crisis_id,
        stamp.now,
        ended_by,
    )
    .execute(&mut *tx)
    .await?;
    stamp.audit(&mut *tx, "crisis.end", ("crisis", crisis_id), json!({ "early": true })).await?;
    Ok(by_id(tx, crisis_id).await?.ok_or(sqlx::Error::RowNotFound)?)
}

/// The projects that go first at `now`.
pub async fn active_projects(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        r#"select distinct unnest(project_ids) as "project_id!" from broker.crisis
           where confirmed_at <= $1 and $1 < ends_at and (ended_at is null or ended_at > $1)"#,
        now,
    )
    .fetch_all(tx)
    .await?;
    Ok(ids.into_iter().collect())
}

/// Whether a crisis was active at that instant, so that a run that made way then is not charged.
/// Slurm tells whole seconds: the one in which the crisis began belongs to it.
pub async fn was_active(tx: &mut PgConnection, at: DateTime<Utc>) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (select from broker.crisis
             where date_trunc('second', confirmed_at) <= $1
                 and $1 <= coalesce(ended_at, ends_at)) as "active!""#,
        at,
    )
    .fetch_one(tx)
    .await
}

/// One crisis.
pub async fn by_id(tx: &mut PgConnection, crisis_id: Uuid) -> Result<Option<Crisis>, sqlx::Error> {
    sqlx::query_as!(
        Crisis,
        "select crisis_id, project_ids, ends_at, proposed_by, proposed_at, confirmed_by,
             confirmed_at, ended_at, ended_by
         from broker.crisis where crisis_id = $1",
        crisis_id,
    )
    .fetch_optional(tx)
    .await
}

/// All of them, the newest first.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<Crisis>, sqlx::Error> {
    sqlx::query_as!(
        Crisis,
        "select crisis_id, project_ids, ends_at, proposed_by, proposed_at, confirmed_by,
             confirmed_at, ended_at, ended_by
         from broker.crisis order by proposed_at desc limit 200",
    )
    .fetch_all(tx)
    .await
}

/// The crisis, with its row locked until the transaction ends: of two that act at once the second
/// sees what the first did.
async fn locked(tx: &mut PgConnection, crisis_id: Uuid) -> Result<Crisis, CrisisError> {
    sqlx::query!("select crisis_id from broker.crisis where crisis_id = $1 for update", crisis_id)
        .fetch_optional(&mut *tx)
        .await?
        .ok_or(CrisisError::NoSuchCrisis(crisis_id))?;
    Ok(by_id(tx, crisis_id).await?.ok_or(sqlx::Error::RowNotFound)?)
}

/// Nobody puts a project first that they work in, and every project is known.
async fn kept_apart(
    tx: &mut PgConnection,
    project_ids: &[Uuid],
    person_id: Uuid,
) -> Result<(), CrisisError> {
    for &project_id in project_ids {
        if quotas::project::by_id(&mut *tx, project_id).await?.is_none() {
            return Err(CrisisError::NoSuchProject(project_id));
        }
        if quotas::project::was_ever_member(&mut *tx, project_id, person_id).await? {
            return Err(CrisisError::OwnProject { project_id, person_id });
        }
    }
    Ok(())
}
