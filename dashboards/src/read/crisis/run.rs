//! The runs of a crisis: those that made way, and those that went first.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{JobRef, ProjectRef, gpu_seconds, usek};

/// A run that made way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeWay {
    /// Slurm's number of the job.
    pub slurm_job_id: i64,
    /// slurmdbd's key of the run, which tells two runs of one job apart.
    pub db_index: i64,
    /// The cluster.
    pub cluster: String,
    /// The Slurm account it ran under.
    pub account: String,
    /// The broker's job, if it was one.
    pub job: Option<JobRef>,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it made way.
    pub ended_at: DateTime<Utc>,
    /// The GPU time it had taken by then.
    pub gpu_seconds: GpuSeconds,
    /// What the ledger was charged for it.
    pub charged_usek: MicroSek,
}

/// A run that went first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WentFirst {
    /// The job.
    pub job: JobRef,
    /// Its project.
    pub project: ProjectRef,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// The runs that made way, with what the ledger says was charged for each.
pub(super) async fn made_way(
    tx: &mut PgConnection,
    crisis_id: Uuid,
) -> Result<Vec<MadeWay>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select v.slurm_job_id, v.db_index, v.cluster, v.account, v.started_at, v.ended_at,
            v.gpu_seconds, a.job_plan_id as "job_plan_id?", c.usek as "charged_usek!"
        from broker.crisis_victim v
            left join broker.attempt a using (attempt_id)
            cross join lateral (
                select coalesce(sum(paid.usek), 0)::bigint as usek
                from accounting.run r join (
                    select run_id, usek from accounting.charge
                    union all
                    select run_id, usek from accounting.cleared_charge
                ) paid using (run_id)
                where r.cluster = v.cluster and r.db_index = v.db_index
            ) c
        where v.crisis_id = $1
        order by v.ended_at, v.cluster, v.db_index
        "#,
        crisis_id,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let slurm_job_id = row.slurm_job_id;
            Ok(MadeWay {
                slurm_job_id,
                db_index: row.db_index,
                cluster: row.cluster,
                account: row.account,
                job: row.job_plan_id.map(|job_plan_id| JobRef { job_plan_id, slurm_job_id }),
                started_at: row.started_at,
                ended_at: row.ended_at,
                gpu_seconds: gpu_seconds(row.gpu_seconds)?,
                charged_usek: usek(row.charged_usek)?,
            })
        })
        .collect()
}

/// The runs of the crisis's projects that started between the two instants. Slurm tells whole seconds:
/// one that began in the first of them belongs to it.
pub(super) async fn went_first(
    tx: &mut PgConnection,
    crisis_id: Uuid,
    (from, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<WentFirst>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select a.job_plan_id, a.slurm_job_id, a.started_at as "started_at!", a.ended_at,
            j.project_id, j.slug, j.title, j.data_class = 'confidential' as "confidential!"
        from broker.crisis c
            join broker.job_plan p on p.project_id = any(c.project_ids)
            join broker.attempt a using (job_plan_id)
            join quotas.project j using (project_id)
        where c.crisis_id = $1 and a.started_at between date_trunc('second', $2::timestamptz) and $3
        order by a.started_at, a.attempt_id
        "#,
        crisis_id,
        from,
        until,
    )
    .fetch_all(tx)
    .await?;
    let runs = rows.into_iter().map(|row| WentFirst {
        job: JobRef { job_plan_id: row.job_plan_id, slurm_job_id: row.slurm_job_id },
        project: ProjectRef {
            project_id: row.project_id,
            slug: row.slug,
            title: row.title,
            confidential: row.confidential,
        },
        started_at: row.started_at,
        ended_at: row.ended_at,
    });
    Ok(runs.collect())
}
