//! Admitting a plan once more: a new attempt with its own hold and job id.

use record::Stamp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::admit::{self, Admission, Ask};
use super::{PlanError, need, write};
use crate::app::Clusters;
use crate::config::Config;

/// Reads a plan as it was asked; `None` if there is none by that id.
pub(crate) async fn ask_of(
    tx: &mut PgConnection,
    job_plan_id: Uuid,
) -> Result<Option<Ask>, sqlx::Error> {
    let row = sqlx::query!(
        "select project_id, person_id, name, script, gpu_count, wall_time_s, class, link_ids,
             task_count, tasks_at_once, begin_at
         from broker.job_plan where job_plan_id = $1",
        job_plan_id,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Ask {
        job_plan_id,
        project_id: row.project_id,
        person_id: row.person_id,
        name: row.name,
        script: row.script,
        gpu_count: i64::from(row.gpu_count),
        wall_time_s: row.wall_time_s,
        class: row.class,
        link_ids: row.link_ids,
        task_count: i64::from(row.task_count),
        tasks_at_once: row.tasks_at_once.map(i64::from),
        begin_at: row.begin_at,
        after: need::of_plan(tx, job_plan_id).await?,
    }))
}

/// Admits the plan on what its project has now, as a new attempt. The earlier one must be over or
/// about to be: the caller sees to that.
pub async fn again(
    tx: &mut PgConnection,
    rules: (&Config, &Clusters),
    job_plan_id: Uuid,
    stamp: &Stamp<'_>,
) -> Result<Admission, PlanError> {
    again_as(tx, rules, (job_plan_id, record::id::fresh()), stamp).await
}

/// The same under an attempt's id that the caller has chosen.
pub(super) async fn again_as(
    tx: &mut PgConnection,
    rules: (&Config, &Clusters),
    (job_plan_id, attempt_id): (Uuid, Uuid),
    stamp: &Stamp<'_>,
) -> Result<Admission, PlanError> {
    let ask = ask_of(&mut *tx, job_plan_id).await?.ok_or(sqlx::Error::RowNotFound)?;
    let prepared = admit::prepare(&mut *tx, rules, &ask, stamp.now).await?;
    let hold_id = record::id::fresh();
    let new = write::NewAttempt { attempt_id, hold_id, job: prepared.job.clone() };
    let slurm_job_id =
        write::attempt(&mut *tx, job_plan_id, &prepared.admitted, &new, stamp).await?;
    admit::hold_for(tx, &ask, &prepared, &new, slurm_job_id, stamp).await
}
