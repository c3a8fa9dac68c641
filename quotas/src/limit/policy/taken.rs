//! What was done at a limit, or would have been done in a dry run: facts, insert-only.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, Stamp};
use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Action, Standing, Step};
use crate::{inconsistency::Inconsistency, instant::kept};

/// The most actions that a list shows.
const MOST_LISTED: i64 = 1_000;

/// The actions that `$tail` selects, as rows.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            ActionRow,
            r#"select a.limit_action_id, a.limit_policy_id, p.agency_id, a.at_percent,
                   a.action as "action: Action", a.attempt_id, a.used, a.granted, a.dry_run,
                   a.taken_at
               from quotas.limit_action a join quotas.limit_policy p using (limit_policy_id)"#
                + $tail
            $(, $value)*
        )
    };
}

/// An action to record.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Chosen by the caller; recording the same action with the same id again changes nothing.
    pub limit_action_id: Uuid,
    /// The policy that asks for it.
    pub limit_policy_id: Uuid,
    /// The step that was reached.
    pub step: Step,
    /// The attempt it was done to; `None`: the agency as a whole.
    pub attempt_id: Option<Uuid>,
    /// Why the step was reached.
    pub standing: Standing,
}

/// An action as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitAction {
    /// Chosen by the caller.
    pub limit_action_id: Uuid,
    /// The policy that asked for it.
    pub limit_policy_id: Uuid,
    /// Whose policy.
    pub agency_id: Uuid,
    /// The step that was reached.
    pub step: Step,
    /// The attempt it was done to; `None`: the agency as a whole.
    pub attempt_id: Option<Uuid>,
    /// Why the step was reached.
    pub standing: Standing,
    /// True: it was told and not done.
    pub dry_run: bool,
    /// When.
    pub taken_at: DateTime<Utc>,
}

/// Why an action was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum TakenError {
    /// The id belongs to another action.
    #[error("limit action id {0} was used before for another action; choose a new id")]
    LimitActionIdReused(Uuid),
    /// The policy is not known.
    #[error("limit policy {0} does not exist")]
    NoSuchLimitPolicy(Uuid),
    /// The policy has no such step.
    #[error("limit policy {limit_policy_id} has no {step:?}; act only as it was decided")]
    NoSuchLimitStep {
        /// The policy.
        limit_policy_id: Uuid,
        /// The step.
        step: Step,
    },
    /// The step is not reached.
    #[error(
        "{used} of {granted} GPU-seconds do not reach {at_percent} percent; act only at the step"
    )]
    LimitStepNotReached {
        /// Used.
        used: GpuSeconds,
        /// Granted.
        granted: GpuSeconds,
        /// The step's share.
        at_percent: i64,
    },
    /// The database refused or could not be reached.
    #[error("reading or writing actions at a limit")]
    Database(#[from] sqlx::Error),
}

impl TakenError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::LimitActionIdReused(_) => "limit_action_id_reused",
            Self::NoSuchLimitPolicy(_) => "no_such_limit_policy",
            Self::NoSuchLimitStep { .. } => "no_such_limit_step",
            Self::LimitStepNotReached { .. } => "limit_step_not_reached",
            Self::Database(_) => "quotas_database",
        }
    }
}

/// Records an action, with its audit row. Whether it was a dry run is the policy's to say.
pub async fn record_action(
    tx: &mut PgConnection,
    taken: &Taken,
    stamp: &Stamp<'_>,
) -> Result<LimitAction, TakenError> {
    let Taken { limit_action_id, limit_policy_id, step, attempt_id, standing } = *taken;
    if let Some(earlier) = by_id(&mut *tx, limit_action_id).await? {
        return if earlier.is(taken) {
            Ok(earlier)
        } else {
            Err(TakenError::LimitActionIdReused(limit_action_id))
        };
    }
    let policy = sqlx::query!(
        r#"select p.agency_id, p.dry_run, exists (
               select from quotas.limit_step s
               where s.limit_policy_id = p.limit_policy_id and s.at_percent = $2 and s.action = $3
           ) as "has_step!"
           from quotas.limit_policy p where p.limit_policy_id = $1"#,
        limit_policy_id,
        step.at_percent,
        step.action as Action,
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(TakenError::NoSuchLimitPolicy(limit_policy_id))?;
    if !policy.has_step {
        return Err(TakenError::NoSuchLimitStep { limit_policy_id, step });
    }
    if !step.is_reached(standing) {
        let (Standing { used, granted }, at_percent) = (standing, step.at_percent);
        return Err(TakenError::LimitStepNotReached { used, granted, at_percent });
    }
    let inserted = sqlx::query!(
        "insert into quotas.limit_action (limit_action_id, limit_policy_id, at_percent, action,
             attempt_id, used, granted, dry_run, taken_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (limit_action_id) do nothing",
        limit_action_id,
        limit_policy_id,
        step.at_percent,
        step.action as Action,
        attempt_id,
        standing.used.get(),
        standing.granted.get(),
        policy.dry_run,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(TakenError::LimitActionIdReused(limit_action_id)); // By a racer, just now.
    }
    let (agency_id, dry_run) = (policy.agency_id, policy.dry_run);
    let details = json!({
        "agency_id": agency_id,
        "limit_policy_id": limit_policy_id,
        "at_percent": step.at_percent,
        "action": step.action,
        "attempt_id": attempt_id,
        "used": standing.used,
        "granted": standing.granted,
        "dry_run": dry_run,
    });
    stamp.audit(tx, "limit_action.take", ("limit_action", limit_action_id), details).await?;
    let taken_at = kept(stamp.now);
    Ok(LimitAction {
        limit_action_id,
        limit_policy_id,
        agency_id,
        step,
        attempt_id,
        standing,
        dry_run,
        taken_at,
    })
}

/// Whether the step of the policy was acted on before: on this attempt, or on the whole agency.
pub async fn was_taken(
    tx: &mut PgConnection,
    limit_policy_id: Uuid,
    step: Step,
    attempt_id: Option<Uuid>,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select exists (
               select from quotas.limit_action
               where limit_policy_id = $1 and at_percent = $2 and action = $3
                   and attempt_id is not distinct from $4
           ) as "was_taken!""#,
        limit_policy_id,
        step.at_percent,
        step.action as Action,
        attempt_id,
    )
    .fetch_one(tx)
    .await
}

/// The last thousand actions under the agency's policies, the newest first.
pub async fn list_for_agency(
    tx: &mut PgConnection,
    agency_id: Uuid,
) -> Result<Vec<LimitAction>, sqlx::Error> {
    let rows = select!(
        " where p.agency_id = $1 order by a.taken_at desc, a.limit_action_id desc limit $2",
        agency_id,
        MOST_LISTED
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(LimitAction::try_from).collect::<Result<_, _>>()?)
}

async fn by_id(
    tx: &mut PgConnection,
    limit_action_id: Uuid,
) -> Result<Option<LimitAction>, sqlx::Error> {
    let row = select!(" where a.limit_action_id = $1", limit_action_id).fetch_optional(tx).await?;
    Ok(row.map(LimitAction::try_from).transpose()?)
}

impl LimitAction {
    /// Whether `taken` tells of just this action.
    fn is(&self, taken: &Taken) -> bool {
        self.limit_policy_id == taken.limit_policy_id
            && self.step == taken.step
            && self.attempt_id == taken.attempt_id
            && self.standing == taken.standing
    }
}

struct ActionRow {
    limit_action_id: Uuid,
    limit_policy_id: Uuid,
    agency_id: Uuid,
    at_percent: i64,
    action: Action,
    attempt_id: Option<Uuid>,
    used: i64,
    granted: i64,
    dry_run: bool,
    taken_at: DateTime<Utc>,
}

impl TryFrom<ActionRow> for LimitAction {
    type Error = Inconsistency;

    fn try_from(row: ActionRow) -> Result<Self, Inconsistency> {
        let seconds = |amount, column| {
            let (table, row) = ("quotas.limit_action", row.limit_action_id);
            GpuSeconds::new(amount).ok_or(Inconsistency { table, column, row })
        };
        let standing = Standing {
            used: seconds(row.used, "used")?,
            granted: seconds(row.granted, "granted")?,
        };
        Ok(Self {
            limit_action_id: row.limit_action_id,
            limit_policy_id: row.limit_policy_id,
            agency_id: row.agency_id,
            step: Step { at_percent: row.at_percent, action: row.action },
            attempt_id: row.attempt_id,
            standing,
            dry_run: row.dry_run,
            taken_at: row.taken_at,
        })
    }
}
