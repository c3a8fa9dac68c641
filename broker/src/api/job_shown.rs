//! A job plan as it stands: its attempts, what it waits for, and its tasks.
//!
//! Its output is data and is never shown here.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Path, project};
use crate::app::App;
use crate::auth::Caller;
use crate::plan::attempt::AttemptState;
use crate::plan::extend::{self, Extension};
use crate::plan::need::{self, Need};
use crate::plan::task::{self, Task};

/// Where a plan stands.
#[derive(Serialize, ToSchema)]
pub(super) struct PlanShown {
    job_plan_id: Uuid,
    project_id: Uuid,
    name: String,
    partition: String,
    gpu_count: i32,
    /// Of each task, without extensions.
    wall_time_s: i64,
    /// Above 1 it is an array.
    task_count: i32,
    tasks_at_once: Option<i32>,
    /// Slurm does not start it before.
    begin_at: Option<DateTime<Utc>>,
    /// Job plans that must have ended first.
    after: Vec<Need>,
    planned_at: DateTime<Utc>,
    attempts: Vec<AttemptShown>,
}

#[derive(Serialize, ToSchema)]
struct AttemptShown {
    attempt_id: Uuid,
    cluster: String,
    slurm_job_id: i64,
    #[schema(value_type = String)]
    state: AttemptState,
    slurm_state: Option<String>,
    reason: Option<String>,
    queued_at: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    settled_at: Option<DateTime<Utc>>,
    exit_code: Option<i32>,
    start_count: i32,
    /// How often Slurm started its script again by itself, after slurmctld had died.
    second_start_count: i64,
    /// Segments of metered use on the GPUs it held.
    segment_count: i64,
    /// Set while a person keeps it from starting.
    held_by_person: Option<KeptShown>,
    /// Set while an operator has it suspended.
    suspended: Option<KeptShown>,
    /// More time that was asked for.
    extensions: Vec<Extension>,
    /// Tasks of an array that Slurm has told of.
    tasks: Vec<Task>,
}

/// Somebody keeps an attempt from starting, or from going on.
#[derive(Serialize, ToSchema)]
struct KeptShown {
    since: DateTime<Utc>,
    /// Only an operator lifts what an operator did.
    by_operator: bool,
    why: Option<String>,
}

struct AttemptRow {
    attempt_id: Uuid,
    cluster: String,
    slurm_job_id: i64,
    state: AttemptState,
    slurm_state: Option<String>,
    reason: Option<String>,
    queued_at: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    settled_at: Option<DateTime<Utc>>,
    exit_code: Option<i32>,
    start_count: i32,
    second_start_count: i64,
    segment_count: i64,
    kept_at: Option<DateTime<Utc>>,
    kept_by_operator: bool,
    kept_why: Option<String>,
    suspended_at: Option<DateTime<Utc>>,
    suspended_why: Option<String>,
}

impl AttemptRow {
    fn shown(self, extensions: Vec<Extension>, tasks: Vec<Task>) -> AttemptShown {
        let kept = |since: Option<DateTime<Utc>>, by_operator, why| {
            since.map(|since| KeptShown { since, by_operator, why })
        };
        AttemptShown {
            attempt_id: self.attempt_id,
            cluster: self.cluster,
            slurm_job_id: self.slurm_job_id,
            state: self.state,
            slurm_state: self.slurm_state,
            reason: self.reason,
            queued_at: self.queued_at,
            started_at: self.started_at,
            ended_at: self.ended_at,
            settled_at: self.settled_at,
            exit_code: self.exit_code,
            start_count: self.start_count,
            second_start_count: self.second_start_count,
            segment_count: self.segment_count,
            held_by_person: kept(self.kept_at, self.kept_by_operator, self.kept_why)
                .filter(|_| self.state < AttemptState::Running),
            suspended: kept(self.suspended_at, true, self.suspended_why)
                .filter(|_| self.state == AttemptState::Running),
            extensions,
            tasks,
        }
    }
}

/// Shows one plan.
#[utoipa::path(get, path = "/v1/job-plans/{job_plan_id}", tag = "job plans",
    params(("job_plan_id" = Uuid, Path,)),
    responses((status = 200, body = PlanShown), (status = 404)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(job_plan_id): Path<Uuid>,
) -> Result<Json<PlanShown>, ApiError> {
    let mut connection = app.db.acquire().await?;
    let plan = sqlx::query!(
        "select project_id, name, partition, gpu_count, wall_time_s, task_count, tasks_at_once,
             begin_at, planned_at
         from broker.job_plan where job_plan_id = $1",
        job_plan_id
    )
    .fetch_optional(&mut *connection)
    .await?
    .ok_or_else(|| ApiError::not_found("job plan"))?;
    project::visible(&mut connection, &caller, plan.project_id)
        .await
        .map_err(|_| ApiError::not_found("job plan"))?;
    Ok(Json(PlanShown {
        job_plan_id,
        project_id: plan.project_id,
        name: plan.name,
        partition: plan.partition,
        gpu_count: plan.gpu_count,
        wall_time_s: plan.wall_time_s,
        task_count: plan.task_count,
        tasks_at_once: plan.tasks_at_once,
        begin_at: plan.begin_at,
        after: need::of_plan(&mut connection, job_plan_id).await?,
        planned_at: plan.planned_at,
        attempts: attempts(&mut connection, job_plan_id).await?,
    }))
}

/// Every attempt of a plan, oldest first.
async fn attempts(
    tx: &mut PgConnection,
    job_plan_id: Uuid,
) -> Result<Vec<AttemptShown>, sqlx::Error> {
    let rows = sqlx::query_as!(
        AttemptRow,
        r#"select a.attempt_id, a.cluster, a.slurm_job_id, a.state as "state: AttemptState",
               a.slurm_state, coalesce(a.refusal, a.cancel_reason) as reason, a.queued_at,
               a.started_at, a.ended_at, a.settled_at, a.exit_code, a.start_count, a.kept_at,
               a.kept_by_operator, a.kept_why, a.suspended_at, a.suspended_why,
               (select count(*) from broker.exception e
                where e.attempt_id = a.attempt_id and e.kind = 'second_start')
                   as "second_start_count!",
               (select count(*) from broker.assignment g join broker.segment s
                    on s.node = g.node and s.gpu_minor = g.gpu_minor
                    and s.started_at < coalesce(g.until_at, 'infinity') and s.ended_at > g.from_at
                where g.attempt_id = a.attempt_id) as "segment_count!"
           from broker.attempt a where a.job_plan_id = $1 order by a.created_at"#,
        job_plan_id
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        let extensions = extend::of_attempt(&mut *tx, row.attempt_id).await?;
        let tasks = task::of_attempt(&mut *tx, row.attempt_id).await?;
        shown.push(row.shown(extensions, tasks));
    }
    Ok(shown)
}
