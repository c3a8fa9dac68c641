//! Limit policies in the database.

use accounting::ledger;
use chrono::{DateTime, Utc};
use record::Stamp;
use serde_json::json;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{Action, NewLimitPolicy, Policy, PolicyError, Standing, Step};
use crate::instant::person_of;

/// The policies in force that `$tail` selects. A view tells no column to be there.
macro_rules! select_now {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            PolicyRow,
            r#"select limit_policy_id as "limit_policy_id!", agency_id as "agency_id!",
                   dry_run as "dry_run!", decided_by as "decided_by!", decided_at as "decided_at!",
                   steps as "steps!: Json<Vec<Step>>"
               from quotas.limit_policy_now"# + $tail
            $(, $value)*
        )
    };
}

/// Decides on a policy in place of the earlier one; an equal repeat returns it as it stands.
pub async fn decide(
    tx: &mut PgConnection,
    new: &NewLimitPolicy,
    stamp: &Stamp<'_>,
) -> Result<Policy, PolicyError> {
    let NewLimitPolicy { limit_policy_id, agency_id, decided_by, .. } = *new;
    if let Some(actor) = person_of(stamp.actor)
        && actor != decided_by
    {
        return Err(PolicyError::NotThePolicyDecider { actor, decided_by });
    }
    new.is_valid()?;
    if sqlx::query!("select agency_id from quotas.agency where agency_id = $1", agency_id)
        .fetch_optional(&mut *tx)
        .await?
        .is_none()
    {
        return Err(PolicyError::NoSuchAgency(agency_id));
    }
    // Versions of one agency are written one after another, so that the newest is one.
    lock(&mut *tx, agency_id).await?;
    let earlier = history(&mut *tx, agency_id).await?;
    if let Some(same) = earlier.iter().find(|policy| policy.limit_policy_id == limit_policy_id) {
        return if same.is(new) {
            Ok(same.clone())
        } else {
            Err(PolicyError::LimitPolicyIdReused(limit_policy_id))
        };
    }
    let steps = new.sorted_steps();
    let was_tried = earlier.iter().any(|policy| policy.dry_run && policy.steps == steps);
    if !new.dry_run && !steps.is_empty() && !was_tried {
        return Err(PolicyError::DryRunFirst { limit_policy_id });
    }
    let policy = Policy {
        limit_policy_id,
        agency_id,
        steps,
        dry_run: new.dry_run,
        decided_by,
        decided_at: crate::instant::kept(stamp.now),
    };
    write(&mut *tx, &policy).await?;
    let details =
        json!({ "agency_id": agency_id, "steps": policy.steps, "dry_run": policy.dry_run });
    stamp.audit(tx, "limit_policy.decide", ("limit_policy", limit_policy_id), details).await?;
    Ok(policy)
}

/// The agency's policy in force, if it ever decided on one.
pub async fn current(
    tx: &mut PgConnection,
    agency_id: Uuid,
) -> Result<Option<Policy>, sqlx::Error> {
    let row = select_now!(" where agency_id = $1", agency_id).fetch_optional(tx).await?;
    Ok(row.map(Policy::from))
}

/// The policy in force of every agency that has one.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<Policy>, sqlx::Error> {
    let rows = select_now!(" order by agency_id").fetch_all(tx).await?;
    Ok(rows.into_iter().map(Policy::from).collect())
}

/// Every policy the agency ever decided on, the newest first.
pub async fn history(tx: &mut PgConnection, agency_id: Uuid) -> Result<Vec<Policy>, sqlx::Error> {
    let rows = sqlx::query_as!(
        PolicyRow,
        r#"select p.limit_policy_id, p.agency_id, p.dry_run, p.decided_by, p.decided_at,
               coalesce(
                   (select jsonb_agg(
                            jsonb_build_object('at_percent', s.at_percent, 'action', s.action)
                            order by s.at_percent, s.action
                        )
                    from quotas.limit_step s where s.limit_policy_id = p.limit_policy_id),
                   '[]'
               ) as "steps!: Json<Vec<Step>>"
           from quotas.limit_policy p
           where p.agency_id = $1
           order by p.version desc"#,
        agency_id,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Policy::from).collect())
}

/// What the agency has used of its grants that are open at `now`.
pub async fn standing(
    tx: &mut PgConnection,
    agency_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Standing, PolicyError> {
    let open = sqlx::query_scalar!(
        r#"select grant_id as "grant_id!" from quotas.open_grants($1, $2) as grant_id"#,
        agency_id,
        now,
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(Standing::of(ledger::balances_of_grants(tx, &open).await?.values()))
}

async fn write(tx: &mut PgConnection, policy: &Policy) -> Result<(), PolicyError> {
    let Policy { limit_policy_id, agency_id, dry_run, decided_by, decided_at, .. } = *policy;
    let inserted = sqlx::query!(
        "insert into quotas.limit_policy (limit_policy_id, agency_id, dry_run, decided_by, decided_at)
         values ($1, $2, $3, $4, $5) on conflict (limit_policy_id) do nothing",
        limit_policy_id,
        agency_id,
        dry_run,
        decided_by,
        decided_at,
    )
    .execute(&mut *tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(PolicyError::LimitPolicyIdReused(limit_policy_id)); // Another agency's.
    }
    let percents: Vec<i64> = policy.steps.iter().map(|step| step.at_percent).collect();
    let actions: Vec<Action> = policy.steps.iter().map(|step| step.action).collect();
    sqlx::query!(
        "insert into quotas.limit_step (limit_policy_id, at_percent, action)
         select $1, s.at_percent, s.action
         from unnest($2::bigint[], $3::quotas.limit_action_kind[]) as s (at_percent, action)",
        limit_policy_id,
        &percents,
        &actions as &[Action],
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Waits until no other transaction decides for the agency.
async fn lock(tx: &mut PgConnection, agency_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('quotas.limit_policy ' || $1::uuid, 0))",
        agency_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct PolicyRow {
    limit_policy_id: Uuid,
    agency_id: Uuid,
    dry_run: bool,
    decided_by: Uuid,
    decided_at: DateTime<Utc>,
    steps: Json<Vec<Step>>,
}

impl From<PolicyRow> for Policy {
    fn from(row: PolicyRow) -> Self {
        Self {
            limit_policy_id: row.limit_policy_id,
            agency_id: row.agency_id,
            steps: row.steps.0,
            dry_run: row.dry_run,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
        }
    }
}
