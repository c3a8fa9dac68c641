//! What happens to an attempt between its submission and its end: who keeps it, more time, its tasks.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::read::{Reader, gpu_seconds, usek};

/// What is to be known of an attempt besides its walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// A person keeps it from starting.
    pub kept: Option<Kept>,
    /// An operator has it suspended.
    pub suspended: Option<Kept>,
    /// More time that was asked for, oldest first.
    pub extensions: Vec<ExtensionLine>,
    /// Tasks that Slurm has told of, by number.
    pub tasks: Vec<TaskLine>,
}

/// Somebody keeps an attempt from starting, or from going on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Since when.
    pub since: DateTime<Utc>,
    /// True for an operator, false for a member.
    pub by_operator: bool,
    /// Why; `None` for a [`Reader::Outsider`].
    pub why: Option<String>,
}

/// More time for an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionLine {
    /// How much longer, in seconds.
    pub extra_s: i64,
    /// Time set aside in addition.
    pub gpu_seconds: GpuSeconds,
    /// Money set aside in addition.
    pub usek: MicroSek,
    /// When it was asked for.
    pub wanted_at: DateTime<Utc>,
    /// When Slurm had it.
    pub granted_at: Option<DateTime<Utc>>,
    /// Why Slurm refused it, in English.
    pub refusal: Option<String>,
}

/// One task of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskLine {
    /// Its number, from 0.
    pub task_no: i32,
    /// Slurm's own id of it.
    pub slurm_job_id: i64,
    /// Slurm's word for its state.
    pub slurm_state: String,
    /// Its last start.
    pub started_at: Option<DateTime<Utc>>,
    /// Its end.
    pub ended_at: Option<DateTime<Utc>>,
    /// The script's exit code.
    pub exit_code: Option<i32>,
}

/// Another job that must have ended first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedLine {
    /// Its plan.
    pub job_plan_id: Uuid,
    /// Its name; `None` for a [`Reader::Outsider`].
    pub name: Option<String>,
    /// `ended`, `succeeded` or `failed`.
    pub condition: String,
    /// Where its newest attempt stands, as the database names it.
    pub state: String,
    /// The last state Slurm told of it.
    pub slurm_state: Option<String>,
}

/// Reads what is to be known of one attempt.
pub(super) async fn of_attempt(
    tx: &mut PgConnection,
    attempt_id: Uuid,
    reader: Reader,
) -> Result<Life, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select state < 'running' as "waits!", state = 'running' as "runs!", kept_at,
            kept_by_operator, case when $2 then kept_why end as kept_why, suspended_at,
            case when $2 then suspended_why end as suspended_why
        from broker.attempt where attempt_id = $1
        "#,
        attempt_id,
        reader == Reader::Member,
    )
    .fetch_one(&mut *tx)
    .await?;
    let kept = row.kept_at.filter(|_| row.waits).map(|since| Kept {
        since,
        by_operator: row.kept_by_operator,
        why: row.kept_why,
    });
    let suspended = row.suspended_at.filter(|_| row.runs).map(|since| Kept {
        since,
        by_operator: true,
        why: row.suspended_why,
    });
    let extensions = extensions(&mut *tx, attempt_id).await?;
    Ok(Life { kept, suspended, extensions, tasks: tasks(tx, attempt_id).await? })
}

async fn extensions(
    tx: &mut PgConnection,
    attempt_id: Uuid,
) -> Result<Vec<ExtensionLine>, sqlx::Error> {
    let rows = sqlx::query!(
        "select extra_s, gpu_seconds, usek, wanted_at, granted_at, refusal
         from broker.extension where attempt_id = $1 order by wanted_at, extension_id",
        attempt_id,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ExtensionLine {
                extra_s: row.extra_s,
                gpu_seconds: gpu_seconds(row.gpu_seconds)?,
                usek: usek(row.usek)?,
                wanted_at: row.wanted_at,
                granted_at: row.granted_at,
                refusal: row.refusal,
            })
        })
        .collect()
}

async fn tasks(tx: &mut PgConnection, attempt_id: Uuid) -> Result<Vec<TaskLine>, sqlx::Error> {
    sqlx::query_as!(
        TaskLine,
        "select task_no, slurm_job_id, slurm_state, started_at, ended_at, exit_code
         from broker.task where attempt_id = $1 order by task_no",
        attempt_id,
    )
    .fetch_all(tx)
    .await
}

/// The jobs that a plan waits for.
pub(super) async fn needs(
    tx: &mut PgConnection,
    job_plan_id: Uuid,
    reader: Reader,
) -> Result<Vec<NeedLine>, sqlx::Error> {
    sqlx::query_as!(
        NeedLine,
        r#"
        select p.job_plan_id, case when $2 then p.name end as name,
            n.condition::text as "condition!", a.state as "state!", a.slurm_state
        from broker.job_plan_need n
            join broker.job_plan p on p.job_plan_id = n.needs_plan_id
            join lateral (
                select state::text as state, slurm_state from broker.attempt
                where job_plan_id = n.needs_plan_id
                order by created_at desc, attempt_id desc limit 1
            ) a on true
        where n.job_plan_id = $1 order by p.planned_at, p.job_plan_id
        "#,
        job_plan_id,
        reader == Reader::Member,
    )
    .fetch_all(tx)
    .await
}
