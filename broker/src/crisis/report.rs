//! The report after a crisis: every run that made way and every run that went first.

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use slurm_wire::{Answer, Call, JobRecord};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Crisis, CrisisError, by_id};
use crate::app::App;
use crate::gateway::GatewayError;
use crate::run_key::RunKey;

/// What a crisis did.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Report {
    /// The crisis.
    pub crisis: Crisis,
    /// Runs that made way, as slurmdbd tells of them.
    pub made_way: Vec<Victim>,
    /// Runs of the projects that went first, started while it lasted.
    pub went_first: Vec<Served>,
    /// GPU-seconds of the runs that made way. None of them is charged.
    pub gpu_seconds_lost: i64,
    /// True once slurmdbd has had time to tell of everything.
    pub complete: bool,
}

/// A run that made way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Victim {
    /// Slurm's cluster.
    pub cluster: String,
    /// Slurm's job id.
    pub slurm_job_id: i64,
    /// slurmdbd's key of the run.
    pub db_index: RunKey,
    /// The Slurm account that it ran under.
    pub account: String,
    /// The broker's attempt, where it was the broker's job.
    pub attempt_id: Option<Uuid>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it made way.
    pub ended_at: DateTime<Utc>,
    /// What it had taken until then.
    pub gpu_seconds: i64,
    /// What was charged for it, in µSEK: nothing, by the rule; looked up in the ledger.
    pub charged_usek: i64,
}

/// A run that went first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Served {
    /// The attempt.
    pub attempt_id: Uuid,
    /// Its project.
    pub project_id: Uuid,
    /// Slurm's job id.
    pub slurm_job_id: i64,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended, if it has.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Reads the report.
pub async fn read(
    tx: &mut PgConnection,
    crisis_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Report, CrisisError> {
    let not_found = CrisisError::NoSuchCrisis(crisis_id);
    let crisis = by_id(&mut *tx, crisis_id).await?.ok_or(not_found)?;
    let mut made_way = sqlx::query_as!(
        Victim,
        r#"select v.cluster, v.slurm_job_id, v.db_index as "db_index: RunKey", v.account, v.attempt_id, v.started_at,
               v.ended_at, v.gpu_seconds, 0::bigint as "charged_usek!"
           from broker.crisis_victim v where v.crisis_id = $1
           order by v.ended_at, v.db_index"#,
        crisis_id,
    )
    .fetch_all(&mut *tx)
    .await?;
    for victim in &mut made_way {
        let charged =
            accounting::charge::of_run(&mut *tx, &victim.cluster, victim.db_index.0).await?;
        victim.charged_usek = charged.get();
    }
    // Slurm tells whole seconds: a run that began in the crisis's first one belongs to it.
    let went_first = sqlx::query_as!(
        Served,
        r#"select a.attempt_id, p.project_id, a.slurm_job_id, a.started_at as "started_at!",
               a.ended_at
           from broker.attempt a join broker.job_plan p using (job_plan_id)
           where p.project_id = any($1) and a.started_at >= date_trunc('second', $2::timestamptz)
               and a.started_at <= $3
           order by a.started_at"#,
        &crisis.project_ids,
        crisis.confirmed_at,
        crisis.ended_at.unwrap_or(now),
    )
    .fetch_all(tx)
    .await?;
    let gpu_seconds_lost = made_way.iter().map(|victim| victim.gpu_seconds).sum();
    // slurmdbd lags slurmctld by seconds; a minute is ample.
    let complete = crisis.ended_at.is_some_and(|ended| now - ended > chrono::TimeDelta::minutes(1));
    Ok(Report { crisis, made_way, went_first, gpu_seconds_lost, complete })
}

/// Asks slurmdbd who made way until now, and keeps what is new.
pub(super) async fn gather(app: &App, crisis_id: Uuid) -> anyhow::Result<()> {
    let mut connection = app.db.acquire().await?;
    let crisis = by_id(&mut connection, crisis_id).await?.context("the crisis is gone")?;
    let Some(confirmed_at) = crisis.confirmed_at else { return Ok(()) };
    let until = crisis.ended_at.unwrap_or_else(|| app.clock.now());
    let call = Call::ReadPreempted {
        from: confirmed_at.timestamp(),
        // Slurm tells whole seconds: a run that made way in the last one belongs to it.
        until: until.timestamp() + 1,
    };
    drop(connection);
    let Answer::Records(records) = app.gateway.call(&call).await? else {
        return Err(GatewayError::OutOfTurn.into());
    };
    let mut tx = app.db.begin().await?;
    for record in &records {
        keep(&mut tx, crisis_id, record).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Keeps one run that made way, once.
async fn keep(tx: &mut PgConnection, crisis_id: Uuid, record: &JobRecord) -> anyhow::Result<()> {
    let (Some(started), Some(ended)) = (record.started_at, record.ended_at) else {
        return Ok(()); // It made way before it had begun: it took nothing.
    };
    let instant = |seconds| DateTime::from_timestamp(seconds, 0).context("a time out of range");
    let gpu_seconds = crate::watch::gpus_of(record).saturating_mul((ended - started).max(0));
    sqlx::query!(
        "insert into broker.crisis_victim (crisis_id, cluster, db_index, slurm_job_id, account,
             attempt_id, started_at, ended_at, gpu_seconds, body)
         values ($1, $2, $3, $4, $5,
             (select attempt_id from broker.attempt where cluster = $2 and slurm_job_id = $4
                  and slurm_key = $6),
             $7, $8, $9, $10)
         on conflict do nothing",
        crisis_id,
        record.cluster,
        record.db_index.cast_signed(),
        i64::from(record.job_id),
        record.account.clone().unwrap_or_default(),
        record.admin_comment,
        instant(started)?,
        instant(ended)?,
        gpu_seconds,
        json!(record),
    )
    .execute(tx)
    .await?;
    Ok(())
}
