//! Jobs in a list, with the latest attempt's state and what all attempts were charged.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{JobLine, PersonRef, ProjectRef, Reader, gpu_seconds, usek};

/// Whose jobs to list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of {
    /// One project's, as `Reader` may see them.
    Project(Uuid, Reader),
    /// One person's own.
    Person(Uuid),
}

/// The latest `limit` jobs, newest first.
pub(super) async fn latest(
    tx: &mut PgConnection,
    of: Of,
    limit: i64,
) -> Result<Vec<JobLine>, sqlx::Error> {
    let (project_id, person_id, reader) = match of {
        Of::Project(project_id, reader) => (Some(project_id), None, reader),
        Of::Person(person_id) => (None, Some(person_id), Reader::Member),
    };
    let rows = sqlx::query!(
        r#"
        select p.job_plan_id, p.name, p.project_id, j.slug, j.title,
            j.data_class = 'confidential' as "confidential!",
            p.person_id, n.name as "person_name?", p.planned_at, p.gpu_count,
            a.state as "state?", a.slurm_state as "slurm_state?", a.slurm_job_id as "slurm_job_id?", a.over as "over?",
            c.gpu_seconds as "gpu_seconds!", c.usek as "usek!"
        from broker.job_plan p
            join quotas.project j using (project_id)
            left join record.person n using (person_id)
            left join lateral (
                select state::text, slurm_state, slurm_job_id,
                    state in ('settled', 'cancelled', 'refused') as over
                from broker.attempt
                where job_plan_id = p.job_plan_id
                order by created_at desc, attempt_id desc
                limit 1
            ) a on true
            cross join lateral (
                select coalesce(sum(paid.gpu_seconds), 0)::bigint as gpu_seconds,
                    coalesce(sum(paid.usek), 0)::bigint as usek
                from broker.attempt t
                    join (
                        select hold_id, gpu_seconds, usek from accounting.charge
                        union all
                        select hold_id, gpu_seconds, usek from accounting.cleared_charge
                    ) paid using (hold_id)
                where t.job_plan_id = p.job_plan_id
            ) c
        where ($1::uuid is null or p.project_id = $1) and ($2::uuid is null or p.person_id = $2)
        order by p.planned_at desc, p.job_plan_id desc
        limit $3
        "#,
        project_id,
        person_id,
        limit,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(JobLine {
                job_plan_id: row.job_plan_id,
                name: (reader == Reader::Member).then_some(row.name),
                project: ProjectRef {
                    project_id: row.project_id,
                    slug: row.slug,
                    title: row.title,
                    confidential: row.confidential,
                },
                person: PersonRef { person_id: row.person_id, name: row.person_name },
                planned_at: row.planned_at,
                gpu_count: i64::from(row.gpu_count),
                state: row.state,
                slurm_state: row.slurm_state,
                slurm_job_id: row.slurm_job_id,
                charged: gpu_seconds(row.gpu_seconds)?,
                charged_usek: usek(row.usek)?,
                over: row.over.unwrap_or(false),
            })
        })
        .collect()
}
