//! What the broker has: its attempts, and what was found and is not closed yet.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::plan::attempt::AttemptState;

/// One attempt, as far as it can be compared.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) attempt_id: Uuid,
    pub(super) job_plan_id: Uuid,
    pub(super) hold_id: Uuid,
    /// The id that Slurm was asked for.
    pub(super) slurm_job_id: i64,
    /// The mark that Slurm has of it.
    pub(super) key: String,
    pub(super) state: AttemptState,
    /// When Slurm accepted it; `None` while it is on its way.
    pub(super) queued_at: Option<DateTime<Utc>>,
    pub(super) created_at: DateTime<Utc>,
}

impl Line {
    pub(super) fn asked_id(&self) -> u32 {
        u32::try_from(self.slurm_job_id).unwrap_or(u32::MAX)
    }
}

/// The attempts that go on, and those of which slurmdbd's records are needed because they ran into
/// `until` and ended after it.
pub(super) async fn open(
    tx: &mut PgConnection,
    cluster: &str,
    until: DateTime<Utc>,
) -> Result<Vec<Line>, sqlx::Error> {
    sqlx::query_as!(
        Line,
        r#"select attempt_id, job_plan_id, hold_id, slurm_job_id, slurm_key as key,
               state as "state: AttemptState", queued_at, created_at
           from broker.attempt
           where cluster = $1 and (state not in ('settled', 'cancelled', 'refused')
               or (started_at < $2 and ended_at >= $2))"#,
        cluster,
        until,
    )
    .fetch_all(tx)
    .await
}

/// The attempts that go on, and those that Slurm or the ledger tell of.
pub(super) async fn told_of(
    tx: &mut PgConnection,
    cluster: &str,
    asked_ids: &[i64],
    hold_ids: &[Uuid],
) -> Result<Vec<Line>, sqlx::Error> {
    sqlx::query_as!(
        Line,
        r#"select attempt_id, job_plan_id, hold_id, slurm_job_id, slurm_key as key,
               state as "state: AttemptState", queued_at, created_at
           from broker.attempt
           where cluster = $1 and (state not in ('settled', 'cancelled', 'refused')
               or slurm_job_id = any($2) or hold_id = any($3))"#,
        cluster,
        asked_ids,
        hold_ids,
    )
    .fetch_all(tx)
    .await
}

/// The attempts that have these holds, on whichever cluster.
pub(super) async fn holders(
    tx: &mut PgConnection,
    hold_ids: &[Uuid],
) -> Result<HashMap<Uuid, AttemptState>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select hold_id, state as "state: AttemptState"
           from broker.attempt where hold_id = any($1)"#,
        hold_ids,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.hold_id, row.state)).collect())
}

/// A second start that nobody has looked at yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct SecondStart {
    pub(super) exception_id: Uuid,
    pub(super) attempt_id: Option<Uuid>,
    pub(super) slurm_job_id: i64,
}

/// Every second start that nobody has looked at yet.
pub(super) async fn second_starts(
    tx: &mut PgConnection,
    cluster: &str,
) -> Result<Vec<SecondStart>, sqlx::Error> {
    sqlx::query_as!(
        SecondStart,
        "select exception_id, attempt_id, slurm_job_id
         from broker.exception
         where cluster = $1 and kind::text = 'second_start' and closed_at is null",
        cluster,
    )
    .fetch_all(tx)
    .await
}

/// Of these jobs the ones that were found as unplanned, and whether a person has closed that.
pub(super) async fn unplanned(
    tx: &mut PgConnection,
    cluster: &str,
    job_ids: &[i64],
) -> Result<HashMap<i64, bool>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select slurm_job_id, bool_and(closed_at is not null) as "is_closed!"
           from broker.exception
           where cluster = $1 and kind::text = 'unplanned_job' and slurm_job_id = any($2)
           group by slurm_job_id"#,
        cluster,
        job_ids,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.slurm_job_id, row.is_closed)).collect())
}
