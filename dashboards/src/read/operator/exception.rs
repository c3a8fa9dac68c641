//! What somebody has to look at: jobs that nobody planned, use that nobody paid, refusals of Slurm.

use chrono::{DateTime, Utc};
use record::{GpuSeconds, MicroSek};
use sqlx::PgConnection;
use uuid::Uuid;

use super::super::{gpu_seconds, usek};

/// One thing that somebody has to look at, and the job it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExceptionLine {
    /// The job plan; `None` for a job that nobody planned.
    pub job_plan_id: Option<Uuid>,
    /// The cluster.
    pub cluster: String,
    /// Slurm's job id.
    pub slurm_job_id: i64,
    /// Since when.
    pub since: DateTime<Utc>,
    /// What it is.
    pub exception: Exception,
}

/// What somebody has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exception {
    /// A job on the broker's partitions or accounts that nobody planned.
    Unplanned {
        /// The exception's id, by which it is closed.
        exception_id: Uuid,
        /// Its kind, as the database names it.
        kind: String,
        /// Where in Slurm it was.
        place: Place,
        /// What it took, once it is over. Charged to nobody.
        gpu_seconds: Option<GpuSeconds>,
    },
    /// Something went wrong with a job of the broker's in Slurm.
    OfAttempt {
        /// The exception's id, by which it is closed.
        exception_id: Uuid,
        /// Its kind, as the database names it.
        kind: String,
    },
    /// A run used more than was held and no grant had room for the rest.
    Overrun {
        /// The time above.
        gpu_seconds: GpuSeconds,
        /// What it would have cost.
        usek: MicroSek,
    },
    /// Slurm refused an attempt for good.
    Refused {
        /// Slurm's reason, in English.
        why: Option<String>,
    },
}

/// Where in Slurm a job was that nobody planned, as far as Slurm told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The Slurm account.
    pub account: Option<String>,
    /// The partition.
    pub partition: Option<String>,
    /// The POSIX user, by number.
    pub uid: Option<String>,
}

/// Everything that is open: jobs nobody planned first, then the newest.
pub(super) async fn exceptions(
    tx: &mut PgConnection,
    refused_since: DateTime<Utc>,
) -> Result<Vec<ExceptionLine>, sqlx::Error> {
    let mut rest = overruns(&mut *tx).await?;
    rest.extend(of_attempts(&mut *tx).await?);
    rest.extend(refusals(&mut *tx, refused_since).await?);
    rest.sort_by_key(|line| std::cmp::Reverse(line.since));
    let mut exceptions = unplanned(tx).await?;
    exceptions.extend(rest);
    Ok(exceptions)
}

/// Jobs that nobody planned and that nobody has closed with a reason yet.
async fn unplanned(tx: &mut PgConnection) -> Result<Vec<ExceptionLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select exception_id, kind::text as "kind!", cluster, slurm_job_id, found_at, gpu_seconds,
            facts ->> 'account' as account, facts ->> 'partition' as partition,
            facts ->> 'uid' as uid
        from broker.exception
        where closed_at is null and kind = 'unplanned_job'
        order by found_at desc, exception_id
        "#,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ExceptionLine {
                job_plan_id: None,
                cluster: row.cluster,
                slurm_job_id: row.slurm_job_id,
                since: row.found_at,
                exception: Exception::Unplanned {
                    exception_id: row.exception_id,
                    kind: row.kind,
                    place: Place { account: row.account, partition: row.partition, uid: row.uid },
                    gpu_seconds: row.gpu_seconds.map(gpu_seconds).transpose()?,
                },
            })
        })
        .collect()
}

/// What went wrong with attempts in Slurm and nobody has closed with a reason yet.
async fn of_attempts(tx: &mut PgConnection) -> Result<Vec<ExceptionLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select e.exception_id, e.kind::text as "kind!", e.cluster, e.slurm_job_id, e.found_at,
            a.job_plan_id
        from broker.exception e join broker.attempt a using (attempt_id)
        where e.closed_at is null
        "#,
    )
    .fetch_all(tx)
    .await?;
    let line = rows.into_iter().map(|row| ExceptionLine {
        job_plan_id: Some(row.job_plan_id),
        cluster: row.cluster,
        slurm_job_id: row.slurm_job_id,
        since: row.found_at,
        exception: Exception::OfAttempt { exception_id: row.exception_id, kind: row.kind },
    });
    Ok(line.collect())
}

/// Runs whose use no grant had room for, as far as two people have not cleared it.
async fn overruns(tx: &mut PgConnection) -> Result<Vec<ExceptionLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select a.job_plan_id, r.cluster, r.slurm_job_id, r.recorded_at,
            coalesce(sum(e.amount) filter (where e.unit = 'gpu_seconds'), 0)::bigint as "gpu_seconds!",
            coalesce(sum(e.amount) filter (where e.unit = 'micro_sek'), 0)::bigint as "usek!"
        from (
                select run_id, unit, case kind when 'overrun' then amount else -amount end as amount
                from accounting.entry where kind in ('overrun', 'cleared', 'written_off')
            ) e
            join accounting.run r using (run_id)
            join broker.attempt a on a.hold_id = r.hold_id
        group by r.run_id, a.job_plan_id
        having sum(e.amount) filter (where e.unit = 'gpu_seconds') > 0
        "#,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ExceptionLine {
                job_plan_id: Some(row.job_plan_id),
                cluster: row.cluster,
                slurm_job_id: row.slurm_job_id,
                since: row.recorded_at,
                exception: Exception::Overrun {
                    gpu_seconds: gpu_seconds(row.gpu_seconds)?,
                    usek: usek(row.usek)?,
                },
            })
        })
        .collect()
}

/// Attempts that Slurm refused for good since `since`.
async fn refusals(
    tx: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<Vec<ExceptionLine>, sqlx::Error> {
    let rows = sqlx::query!(
        "select job_plan_id, cluster, slurm_job_id, created_at, refusal
         from broker.attempt where state = 'refused' and created_at >= $1",
        since,
    )
    .fetch_all(tx)
    .await?;
    let line = rows.into_iter().map(|row| ExceptionLine {
        job_plan_id: Some(row.job_plan_id),
        cluster: row.cluster,
        slurm_job_id: row.slurm_job_id,
        since: row.created_at,
        exception: Exception::Refused { why: row.refusal },
    });
    Ok(line.collect())
}
