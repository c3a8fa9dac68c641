//! Admitting a job plan: decision, hold, attempt and the wish to submit, in one transaction.

use accounting::hold::{self, Payer, Place, PlaceError};
use chrono::TimeDelta;
use quotas::admission::{self, Admitted, Refusal, SnapshotError, StagedDataset};
use quotas::project::{self, Project};
use record::{GpuSeconds, MicroSek, Stamp};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::spec;
use crate::accounts::AccountError;
use crate::config::Config;
use crate::outbox::{self, Effect};
use crate::settings::KnownSettings;

/// What a person asks to run.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Chosen by the client: the idempotency key.
    pub job_plan_id: Uuid,
    /// Project it belongs to.
    pub project_id: Uuid,
    /// Who asks.
    pub person_id: Uuid,
    /// Short name.
    pub name: String,
    /// Batch script with its `#!` line.
    pub script: String,
    /// GPUs on one node.
    pub gpu_count: i64,
    /// Wall time limit; Slurm rounds it up to whole minutes, and so do we.
    pub wall_time_s: i64,
    /// Class of GPU.
    pub class: String,
    /// Links whose data it needs.
    pub link_ids: Vec<Uuid>,
}

/// What a plan would cost at most.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Quote {
    /// GPU-seconds that would be held: GPUs × (wall time + grace).
    pub gpu_seconds: GpuSeconds,
    /// Money that would be held.
    pub usek: MicroSek,
}

/// An admitted plan.
#[derive(Clone, Copy, Debug)]
pub struct Admission {
    /// The plan.
    pub job_plan_id: Uuid,
    /// Its first attempt.
    pub attempt_id: Uuid,
    /// The job id that Slurm will know it by.
    pub slurm_job_id: i64,
    /// What is held for it.
    pub quote: Quote,
    /// True if the same plan was sent before.
    pub repeated: bool,
}

/// Why a plan was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Somebody else took the last of the grant between the decision and the hold.
    #[error(transparent)]
    Hold(#[from] PlaceError),
    /// Same id, other plan.
    #[error("job plan id {0} was used before for another plan; choose a new id")]
    JobPlanIdReused(Uuid),
    /// A link that is not there, or is another project's.
    #[error("link {0} does not belong to this project; list the project's links")]
    NoSuchLink(Uuid),
    /// The script would not pass `sbatch`.
    #[error("the script {0}")]
    BadScript(&'static str),
    /// The name is empty or too long.
    #[error("a job's name is 1 to 64 letters, digits, dots, dashes or underscores")]
    BadName,
    /// The person cannot run here yet.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The cluster could not run the project's jobs as it must.
    #[error("Slurm is not set up for this project's jobs; the operator must mend it: {0}")]
    SettingsWrong(String),
    /// The range of job ids is used up.
    #[error("the broker has no Slurm job ids left; the operator must raise cluster.job_ids")]
    NoJobIds,
    /// What the decision rests on could not be read.
    #[error("reading what the decision rests on")]
    Snapshot(#[from] SnapshotError),
    /// The database failed.
    #[error("reading or writing job plans")]
    Database(#[from] sqlx::Error),
}

/// Says what a plan would cost, or why it would be refused. Changes nothing.
pub async fn quote(
    tx: &mut PgConnection,
    ask: &Ask,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Quote, PlanError> {
    spec::check(ask)?;
    let (_, admitted) = decide(tx, ask, now).await?;
    Ok(Quote { gpu_seconds: admitted.gpu_seconds, usek: admitted.usek })
}

/// Admits a plan inside the caller's transaction; Slurm hears of it after the commit.
pub async fn submit(
    tx: &mut PgConnection,
    (config, settings): (&Config, &KnownSettings),
    ask: &Ask,
    stamp: &Stamp<'_>,
) -> Result<Admission, PlanError> {
    // Two requests with one id queue here: the second then sees the first's plan.
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(ask.job_plan_id.to_string())
        .execute(&mut *tx)
        .await?;
    if let Some(earlier) = earlier(tx, ask).await? {
        return Ok(earlier);
    }
    spec::check(ask)?;
    let (project, admitted) = decide(tx, ask, stamp.now).await?;
    let faults = settings.against(project.data_class);
    if !faults.is_empty() {
        return Err(PlanError::SettingsWrong(faults.join(" ")));
    }
    let login = record::person::by_id(tx, ask.person_id).await?.and_then(|person| person.login);
    let account = crate::accounts::find(
        &config.accounts.file,
        login.as_deref().unwrap_or_default(),
        project.slug.as_str(),
    )?;

    let attempt_id = record::id::fresh();
    let hold_id = record::id::fresh();
    let slurm_job_id = next_job_id(tx).await?;
    let key = key_of(tx, attempt_id).await?;
    let wall_time = TimeDelta::seconds(spec::rounded_wall_time_s(ask.wall_time_s));
    let place = Place {
        hold_id,
        attempt_id,
        payer: Payer { agency_id: project.agency_id, project_id: project.project_id },
        grant_ids: admitted.grant_ids.clone(),
        gpu_seconds: admitted.gpu_seconds,
        rate_id: admitted.rate_id,
        expires_at: admitted.deadline.max(stamp.now + wall_time),
    };
    let placed = hold::place(tx, &place, stamp).await?;
    let job = spec::job(config, ask, &project, &admitted, &account, slurm_job_id, &key);
    write_plan(tx, ask, &admitted, stamp).await?;
    sqlx::query!(
        "insert into broker.attempt
             (attempt_id, job_plan_id, hold_id, cluster, slurm_job_id, slurm_key, spec, created_at,
              held_gpu_seconds, held_usek)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        attempt_id,
        ask.job_plan_id,
        hold_id,
        admitted.pool.cluster,
        slurm_job_id,
        key,
        json!(job),
        stamp.now,
        admitted.gpu_seconds.get(),
        placed.usek.get(),
    )
    .execute(&mut *tx)
    .await?;
    outbox::want(tx, &Effect::Submit { attempt_id }, stamp.trace_id, stamp.now).await?;
    let details = json!({
        "attempt_id": attempt_id,
        "hold_id": hold_id,
        "slurm_job_id": slurm_job_id,
        "gpu_count": ask.gpu_count,
        "gpu_seconds": admitted.gpu_seconds,
        "usek": placed.usek,
    });
    stamp.audit(tx, "job_plan.admit", ("job_plan", ask.job_plan_id), details).await?;
    let quote = Quote { gpu_seconds: admitted.gpu_seconds, usek: placed.usek };
    Ok(Admission { job_plan_id: ask.job_plan_id, attempt_id, slurm_job_id, quote, repeated: false })
}

/// The pure decision over a snapshot taken in this transaction.
async fn decide(
    tx: &mut PgConnection,
    ask: &Ask,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<(Project, Admitted), PlanError> {
    // Whether there is such a project, and for this person, comes before what is in it.
    let refuse = |reason| PlanError::Refused(Refusal { reasons: vec![reason] });
    let project = project::by_id(tx, ask.project_id)
        .await?
        .ok_or_else(|| refuse(admission::Reason::UnknownProject))?;
    if !project::is_member(tx, ask.project_id, ask.person_id).await? {
        return Err(refuse(admission::Reason::NotAMember));
    }
    let mut staged = Vec::new();
    for &link_id in &ask.link_ids {
        let link = staging::link::by_id(tx, link_id).await?;
        let link = link
            .filter(|link| link.project_id == ask.project_id)
            .ok_or(PlanError::NoSuchLink(link_id))?;
        staged.push(StagedDataset {
            permit_id: link.permit_id,
            dataset: link.dataset,
            environment: Some(link.environment_name),
        });
    }
    let snapshot = admission::snapshot(tx, ask.project_id, ask.person_id, &staged, now).await?;
    let asked = admission::Ask {
        person_id: ask.person_id,
        gpu_count: ask.gpu_count,
        wall_time_s: spec::rounded_wall_time_s(ask.wall_time_s),
        class: ask.class.clone(),
        now,
    };
    Ok((project, admission::decide(&asked, &snapshot)?))
}

/// The answer given before to an equal plan; an unequal one under the same id is refused.
async fn earlier(tx: &mut PgConnection, ask: &Ask) -> Result<Option<Admission>, PlanError> {
    let row = sqlx::query!(
        "select p.project_id, p.person_id, p.name, p.script, p.gpu_count, p.wall_time_s, p.class,
                p.link_ids, a.attempt_id, a.slurm_job_id, a.held_gpu_seconds, a.held_usek
         from broker.job_plan p join broker.attempt a using (job_plan_id)
         where job_plan_id = $1 order by a.created_at limit 1",
        ask.job_plan_id
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let equal = row.project_id == ask.project_id
        && row.person_id == ask.person_id
        && row.name == ask.name
        && row.script == ask.script
        && i64::from(row.gpu_count) == ask.gpu_count
        && row.wall_time_s == ask.wall_time_s
        && row.class == ask.class
        && row.link_ids == ask.link_ids;
    if !equal {
        return Err(PlanError::JobPlanIdReused(ask.job_plan_id));
    }
    let quote = Quote {
        gpu_seconds: GpuSeconds::new(row.held_gpu_seconds).unwrap_or_default(),
        usek: MicroSek::new(row.held_usek).unwrap_or_default(),
    };
    Ok(Some(Admission {
        job_plan_id: ask.job_plan_id,
        attempt_id: row.attempt_id,
        slurm_job_id: row.slurm_job_id,
        quote,
        repeated: true,
    }))
}

async fn write_plan(
    tx: &mut PgConnection,
    ask: &Ask,
    admitted: &Admitted,
    stamp: &Stamp<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into broker.job_plan (job_plan_id, project_id, person_id, name, script, gpu_count,
             wall_time_s, class, partition, link_ids, planned_at, trace_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        ask.job_plan_id,
        ask.project_id,
        ask.person_id,
        ask.name,
        ask.script,
        i32::try_from(ask.gpu_count).unwrap_or(i32::MAX),
        ask.wall_time_s,
        ask.class,
        admitted.pool.partition,
        &ask.link_ids,
        stamp.now,
        stamp.trace_id,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Draws a job id from the durable sequence. A rolled back draw leaves a hole, never a double.
async fn next_job_id(tx: &mut PgConnection) -> Result<i64, PlanError> {
    match sqlx::query_scalar!(r#"select nextval('broker.slurm_job_id') as "id!""#)
        .fetch_one(tx)
        .await
    {
        Ok(id) => Ok(id),
        // 2200H: the sequence has reached its end.
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("2200H") => {
            Err(PlanError::NoJobIds)
        }
        Err(error) => Err(error.into()),
    }
}

/// The mark Slurm keeps: this database's epoch and the attempt.
async fn key_of(tx: &mut PgConnection, attempt_id: Uuid) -> Result<String, sqlx::Error> {
    let epoch = sqlx::query_scalar!("select epoch from broker.installation").fetch_one(tx).await?;
    Ok(format!("mimer:{}:{}", epoch.simple(), attempt_id.simple()))
}
