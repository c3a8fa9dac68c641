//! Limits of use at once in the database.

use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{NewUseLimit, Scope, UseLimit, UseLimitError, UseLimitRow};
use crate::instant::person_of;

/// The limits that `$tail` selects, as rows. A view tells no column to be there, so the macro does.
macro_rules! select {
    ($tail:literal $(, $value:expr)*) => {
        sqlx::query_as!(
            UseLimitRow,
            r#"select use_limit_id as "use_limit_id!", agency_id, project_id, class, gpus_at_once,
                   jobs_at_once, set_by, set_at as "set_at!""# + $tail
            $(, $value)*
        )
    };
}

/// Sets a limit in place of the one before; an equal repeat returns the limit as it stands.
pub async fn set(
    tx: &mut PgConnection,
    new: &NewUseLimit,
    stamp: &Stamp<'_>,
) -> Result<UseLimit, UseLimitError> {
    new.is_valid()?;
    let (agency_id, project_id) = match new.scope {
        Scope::Agency(agency_id) => (Some(agency_id), None),
        Scope::Project(project_id) => (None, Some(project_id)),
    };
    let counted_under = agency_of(&mut *tx, new.scope).await?;
    lock(&mut *tx, counted_under).await?;
    let inserted = sqlx::query!(
        "insert into quotas.use_limit (use_limit_id, agency_id, project_id, class, gpus_at_once,
             jobs_at_once, set_by, set_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (use_limit_id) do nothing",
        new.use_limit_id,
        agency_id,
        project_id,
        new.class,
        new.gpus_at_once,
        new.jobs_at_once,
        person_of(stamp.actor),
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    let row = select!(" from quotas.use_limit where use_limit_id = $1", new.use_limit_id)
        .fetch_one(&mut *tx)
        .await?;
    let limit = UseLimit::try_from(row).map_err(sqlx::Error::from)?;
    if inserted.rows_affected() == 1 {
        let details = json!({
            "scope": limit.scope,
            "class": limit.class,
            "gpus_at_once": limit.gpus_at_once,
            "jobs_at_once": limit.jobs_at_once,
        });
        stamp.audit(tx, "use_limit.set", ("use_limit", limit.use_limit_id), details).await?;
    } else if !limit.is(new) {
        return Err(UseLimitError::UseLimitIdReused(new.use_limit_id));
    }
    Ok(limit)
}

/// The limits in force that use of `class` by a project counts against.
pub async fn current_for(
    tx: &mut PgConnection,
    agency_id: Uuid,
    project_id: Uuid,
    class: &str,
) -> Result<Vec<UseLimit>, sqlx::Error> {
    let rows = select!(
        " from quotas.use_limit_now
          where (agency_id = $1 or project_id = $2) and (class = $3 or class is null)
          order by version",
        agency_id,
        project_id,
        class
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(UseLimit::try_from).collect::<Result<_, _>>()?)
}

/// Every limit in force, the oldest first.
pub async fn list(tx: &mut PgConnection) -> Result<Vec<UseLimit>, sqlx::Error> {
    let rows = select!(" from quotas.use_limit_now order by version").fetch_all(tx).await?;
    Ok(rows.into_iter().map(UseLimit::try_from).collect::<Result<_, _>>()?)
}

/// Every limit a holder ever had, the newest first.
pub async fn history(tx: &mut PgConnection, scope: Scope) -> Result<Vec<UseLimit>, sqlx::Error> {
    let (Scope::Agency(holder_id) | Scope::Project(holder_id)) = scope;
    let rows = select!(
        " from quotas.use_limit where agency_id = $1 or project_id = $1 order by version desc",
        holder_id
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(UseLimit::try_from).collect::<Result<_, _>>()?)
}

/// Waits until no other transaction counts or bounds what the agency uses at once.
///
/// An advisory lock, because the application may not update limits and so cannot lock their rows.
/// Taken before any grant's row is locked, and only where a limit applies.
pub async fn lock(tx: &mut PgConnection, agency_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended('quotas.use_limit ' || $1::uuid, 0))",
        agency_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The agency that a limit is counted under.
async fn agency_of(tx: &mut PgConnection, scope: Scope) -> Result<Uuid, UseLimitError> {
    match scope {
        Scope::Agency(agency_id) => sqlx::query_scalar!(
            "select agency_id from quotas.agency where agency_id = $1",
            agency_id
        )
        .fetch_optional(tx)
        .await?
        .ok_or(UseLimitError::NoSuchAgency(agency_id)),
        Scope::Project(project_id) => sqlx::query_scalar!(
            "select agency_id from quotas.project where project_id = $1",
            project_id
        )
        .fetch_optional(tx)
        .await?
        .ok_or(UseLimitError::NoSuchProject(project_id)),
    }
}
