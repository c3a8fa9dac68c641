//! What an agency's jobs use at once, which only the broker knows: it has the attempts.

use quotas::admission::InUse;
use quotas::project;
use sqlx::PgConnection;
use uuid::Uuid;

/// GPUs and jobs that wait or run, by project and class. An array counts with all tasks that may run
/// at once, each as a job.
///
/// Whoever admits by the count holds [`quotas::limit::use_limit::lock`].
pub async fn of_agency(tx: &mut PgConnection, agency_id: Uuid) -> Result<Vec<InUse>, sqlx::Error> {
    let projects = project::list_for_agency(&mut *tx, agency_id).await?;
    let project_ids: Vec<Uuid> = projects.iter().map(|project| project.project_id).collect();
    sqlx::query_as!(
        InUse,
        r#"select p.project_id, p.class, sum(p.gpu_count::bigint * t.at_once)::bigint as "gpus!",
               sum(t.at_once)::bigint as "jobs!"
           from broker.attempt a join broker.job_plan p using (job_plan_id)
               cross join lateral (select least(p.task_count, p.tasks_at_once) as at_once) t
           where a.state not in ('settled', 'cancelled', 'refused') and a.state <> 'ended'
             and p.project_id = any($1)
           group by p.project_id, p.class"#,
        &project_ids,
    )
    .fetch_all(tx)
    .await
}
