//! What Slurm answered to an extension: the attempt has the longer limit, or the hold shrinks again.

use accounting::hold::{self, ShortenError};
use anyhow::Context;
use record::Stamp;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::plan::{attempt, spec};

/// An extension that Slurm is to be told of.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The extension.
    pub(crate) extension_id: Uuid,
    /// Its attempt.
    pub(crate) attempt_id: Uuid,
    /// Slurm has answered.
    pub(crate) is_answered: bool,
}

/// Reads one; `None` if there is none by that id.
pub(crate) async fn wanted(
    tx: &mut PgConnection,
    extension_id: Uuid,
) -> Result<Option<Wanted>, sqlx::Error> {
    sqlx::query_as!(
        Wanted,
        r#"select extension_id, attempt_id,
               granted_at is not null or refused_at is not null as "is_answered!"
           from broker.extension where extension_id = $1"#,
        extension_id,
    )
    .fetch_optional(tx)
    .await
}

/// The whole limit in minutes with every extension that is not refused: what Slurm is told, so that
/// telling it twice is harmless.
pub(crate) async fn limit_min(tx: &mut PgConnection, attempt_id: Uuid) -> anyhow::Result<u32> {
    let row = sqlx::query!(
        r#"select p.wall_time_s,
               coalesce((select sum(e.extra_s) from broker.extension e
                   where e.attempt_id = a.attempt_id and e.refused_at is null), 0)::bigint
                   as "extended_s!"
           from broker.attempt a join broker.job_plan p using (job_plan_id)
           where a.attempt_id = $1"#,
        attempt_id,
    )
    .fetch_one(tx)
    .await?;
    let seconds = spec::rounded_wall_time_s(row.wall_time_s).saturating_add(row.extended_s);
    u32::try_from(seconds / 60).context("a limit beyond what Slurm can count")
}

/// Slurm has the longer limit. Should it lose the job, it gets the same limit again.
pub(crate) async fn granted(
    tx: &mut PgConnection,
    wanted: &Wanted,
    limit_min: u32,
    stamp: &Stamp<'_>,
) -> anyhow::Result<()> {
    attempt::lock(&mut *tx, wanted.attempt_id).await?;
    let answered = sqlx::query!(
        "update broker.extension set granted_at = $2
         where extension_id = $1 and granted_at is null and refused_at is null",
        wanted.extension_id,
        stamp.now,
    )
    .execute(&mut *tx)
    .await?;
    if answered.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query!(
        "update broker.attempt set spec = spec || jsonb_build_object('time_limit_min', $2::bigint)
         where attempt_id = $1",
        wanted.attempt_id,
        i64::from(limit_min),
    )
    .execute(&mut *tx)
    .await?;
    let details = json!({ "extension_id": wanted.extension_id, "time_limit_min": limit_min });
    stamp.audit(tx, "attempt.extended", ("attempt", wanted.attempt_id), details).await?;
    Ok(())
}

/// Slurm will never take the longer limit: what was set aside for it goes back.
pub(crate) async fn refused(
    tx: &mut PgConnection,
    wanted: &Wanted,
    reason: &str,
    stamp: &Stamp<'_>,
) -> anyhow::Result<()> {
    attempt::lock(&mut *tx, wanted.attempt_id).await?;
    let answered = sqlx::query!(
        "update broker.extension set refused_at = $2, refusal = $3
         where extension_id = $1 and granted_at is null and refused_at is null",
        wanted.extension_id,
        stamp.now,
        reason,
    )
    .execute(&mut *tx)
    .await?;
    if answered.rows_affected() == 0 {
        return Ok(());
    }
    match hold::shorten(&mut *tx, wanted.extension_id, stamp).await {
        // The job was settled meanwhile, and what it did not take went back then.
        Ok(_) | Err(ShortenError::Closed(_)) => {}
        Err(failed) => return Err(failed).context("giving the additional hold back"),
    }
    let details = json!({ "extension_id": wanted.extension_id, "reason": reason });
    stamp.audit(tx, "attempt.extension_refused", ("attempt", wanted.attempt_id), details).await?;
    Ok(())
}
