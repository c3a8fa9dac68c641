//! The roll of open attempts: first only what tells one from another, then what a change needs.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::plan::attempt::AttemptState;

/// One open attempt, as little of it as a look at all of them needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) attempt_id: Uuid,
    /// The id that Slurm was asked for.
    pub(super) slurm_job_id: i64,
    /// When Slurm accepted it; `None` while it is on its way.
    pub(super) queued_at: Option<DateTime<Utc>>,
}

impl Line {
    /// The id that Slurm was asked for, as the wire has it.
    pub(super) fn asked_id(&self) -> u32 {
        u32::try_from(self.slurm_job_id).unwrap_or(u32::MAX)
    }
}

/// An attempt with what it takes to follow and to settle it.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) attempt_id: Uuid,
    pub(super) hold_id: Uuid,
    pub(super) cluster: String,
    pub(super) slurm_job_id: i64,
    /// The mark that Slurm has of it.
    pub(super) key: String,
    /// Tasks of an array; 1 for a single job.
    pub(super) task_count: i64,
    pub(super) state: AttemptState,
    pub(super) queued_at: Option<DateTime<Utc>>,
    /// When it was admitted. Unlike the submission, this is only once.
    pub(super) created_at: DateTime<Utc>,
    pub(super) trace_id: Uuid,
}

impl Watched {
    /// The id that Slurm was asked for, as the wire has it.
    pub(super) fn asked_id(&self) -> u32 {
        u32::try_from(self.slurm_job_id).unwrap_or(u32::MAX)
    }
}

/// Every attempt on the cluster that Slurm may still change.
pub(super) async fn call(tx: &mut PgConnection, cluster: &str) -> Result<Vec<Line>, sqlx::Error> {
    sqlx::query_as!(
        Line,
        "select attempt_id, slurm_job_id, queued_at
         from broker.attempt
         where state not in ('admitted', 'settled', 'cancelled', 'refused') and cluster = $1",
        cluster,
    )
    .fetch_all(tx)
    .await
}

/// The attempts that these ids were drawn for, open or over, by id.
pub(super) async fn by_asked(
    tx: &mut PgConnection,
    cluster: &str,
    asked_ids: &[u32],
) -> Result<HashMap<u32, Watched>, sqlx::Error> {
    let asked_ids: Vec<i64> = asked_ids.iter().copied().map(i64::from).collect();
    let watched = sqlx::query_as!(
        Watched,
        r#"select a.attempt_id, a.hold_id, a.cluster, a.slurm_job_id, a.slurm_key as key,
               coalesce((a.spec -> 'array' ->> 'task_count')::bigint, 1) as "task_count!",
               a.state as "state: AttemptState", a.queued_at, a.created_at, p.trace_id
           from broker.attempt a join broker.job_plan p using (job_plan_id)
           where a.cluster = $1 and a.slurm_job_id = any($2)"#,
        cluster,
        &asked_ids,
    )
    .fetch_all(tx)
    .await?;
    Ok(watched.into_iter().map(|it| (it.asked_id(), it)).collect())
}
