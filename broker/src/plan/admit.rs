//! Admitting a job plan: decision, hold, attempt and the wish to submit, in one transaction.

use accounting::hold::{self, Payer, Place};
use chrono::{DateTime, TimeDelta, Utc};
use quotas::admission::{self, Admitted, ProjectFacts, StagedDataset};
use quotas::limit::use_limit;
use quotas::tree;
use record::{GpuSeconds, MicroSek, Stamp};
use serde_json::json;
use slurm_wire::JobSpec;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

use super::need::{self, Need};
use super::{PlanError, in_use, spec, write};
use crate::app::Clusters;
use crate::cluster;
use crate::config::Config;

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
    /// GPUs of each task, on one node.
    pub gpu_count: i64,
    /// Wall time limit of each task; Slurm rounds it up to whole minutes, and so do we.
    pub wall_time_s: i64,
    /// Class of GPU.
    pub class: String,
    /// Links whose data it needs.
    pub link_ids: Vec<Uuid>,
    /// Tasks of the script, each with the plan's GPUs and time; above 1 it is an array.
    pub task_count: i64,
    /// Most tasks of an array that run at once; without it, as many as there is room for.
    pub tasks_at_once: Option<i64>,
    /// Slurm does not start it before.
    pub begin_at: Option<DateTime<Utc>>,
    /// Other plans of the project that must have ended first.
    pub after: Vec<Need>,
}

/// What a plan would cost at most.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Quote {
    /// GPU-seconds that would be held: GPUs × tasks × (wall time + grace).
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

/// Begins a transaction for [`submit`].
///
/// Its statements find everything by its key, and PostgreSQL would spend as long on planning them for
/// each value anew as on running them: here it plans each once for a connection.
pub async fn begin(db: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    db.begin_with("begin; set local plan_cache_mode = force_generic_plan").await
}

/// Says what a plan would cost, or why it would be refused. Changes nothing.
pub async fn quote(
    tx: &mut PgConnection,
    ask: &Ask,
    now: DateTime<Utc>,
) -> Result<Quote, PlanError> {
    spec::check_new(ask, now)?;
    let (_, admitted) = decide(tx, ask, now).await?;
    spec::check_begin(ask, &admitted)?;
    need::check(tx, ask).await?;
    Ok(Quote { gpu_seconds: admitted.gpu_seconds, usek: admitted.usek })
}

/// Says why a plan that is there already would be refused by the rules today. Changes nothing.
pub(crate) async fn would_be_refused(
    tx: &mut PgConnection,
    ask: &Ask,
    now: DateTime<Utc>,
) -> Result<(), PlanError> {
    decide(tx, ask, now).await.map(|_| ())
}

/// Admits a plan inside the caller's transaction; Slurm hears of it after the commit.
///
/// What is refused now, or cannot be written, may have been admitted before by the same request, and
/// is then answered as it was.
pub async fn submit(
    tx: &mut PgConnection,
    rules: (&Config, &Clusters),
    ask: &Ask,
    stamp: &Stamp<'_>,
) -> Result<Admission, PlanError> {
    match admit(tx, rules, ask, stamp).await {
        Ok(Some(admission)) => Ok(admission),
        Ok(None) => write::earlier(tx, ask).await?.ok_or(sqlx::Error::RowNotFound.into()),
        Err(no) if no.is_a_no() => write::earlier(tx, ask).await?.ok_or(no),
        Err(failure) => Err(failure),
    }
}

/// Decides, writes the plan down and places its hold; `None` if a plan with this id is there already.
///
/// The plan is written before the hold is placed: a second request with the same id waits there
/// until the first is committed, and has changed nothing when it finds it.
async fn admit(
    tx: &mut PgConnection,
    rules: (&Config, &Clusters),
    ask: &Ask,
    stamp: &Stamp<'_>,
) -> Result<Option<Admission>, PlanError> {
    spec::check_new(ask, stamp.now)?;
    let prepared = prepare(tx, rules, ask, stamp.now).await?;
    need::check(tx, ask).await?;
    let (attempt_id, hold_id) = (record::id::fresh(), record::id::fresh());
    let new = write::NewAttempt { attempt_id, hold_id, job: prepared.job.clone() };
    let written = write::plan(tx, ask, &prepared.admitted, &new, stamp).await?;
    let Some(slurm_job_id) = written else {
        return Ok(None);
    };
    Ok(Some(hold_for(tx, ask, &prepared, &new, slurm_job_id, stamp).await?))
}

/// An admitted plan before anything is written: who pays, from what, and the job for Slurm.
pub(super) struct Prepared {
    project: ProjectFacts,
    pub(super) admitted: Admitted,
    pub(super) job: JobSpec,
}

/// Decides, and makes the job that Slurm is to be asked for. Changes nothing.
pub(super) async fn prepare(
    tx: &mut PgConnection,
    (config, clusters): (&Config, &Clusters),
    ask: &Ask,
    now: DateTime<Utc>,
) -> Result<Prepared, PlanError> {
    spec::check(ask)?;
    let (project, admitted) = decide(tx, ask, now).await?;
    spec::check_begin(ask, &admitted)?;
    let cluster = &admitted.pool.cluster;
    let here = clusters.named(cluster).ok_or_else(|| PlanError::NoSuchCluster(cluster.clone()))?;
    let faults = here.settings.against(project.data_class);
    if !faults.is_empty() {
        return Err(PlanError::SettingsWrong(faults.join(" ")));
    }
    let of = tree::place_of(tx, project.project_id, admitted.pool.pool_id)
        .await?
        .ok_or(sqlx::Error::RowNotFound)?;
    let login = record::person::by_id(tx, ask.person_id).await?.and_then(|person| person.login);
    let login = login.as_deref().unwrap_or_default();
    let account = crate::accounts::find(&config.accounts.file, login, of.slug.as_str())?;
    let place = cluster::place(tx, &here.cluster, &of).await?;
    let job =
        spec::job(&here.cluster, (ask, &admitted), project.data_class, (&account, place), now);
    Ok(Prepared { project, admitted, job })
}

/// Places the hold of an attempt that is written down.
pub(super) async fn hold_for(
    tx: &mut PgConnection,
    ask: &Ask,
    Prepared { project, admitted, .. }: &Prepared,
    &write::NewAttempt { attempt_id, hold_id, .. }: &write::NewAttempt,
    slurm_job_id: i64,
    stamp: &Stamp<'_>,
) -> Result<Admission, PlanError> {
    // Told before the hold is placed, which tells its money itself: from then on the grants' rows are
    // locked, and others wait for them.
    let details = json!({
        "attempt_id": attempt_id,
        "hold_id": hold_id,
        "slurm_job_id": slurm_job_id,
        "gpu_count": admitted.gpu_count,
        "gpu_seconds": admitted.gpu_seconds,
    });
    stamp.audit(tx, "job_plan.admit", ("job_plan", ask.job_plan_id), details).await?;
    let wall_time = TimeDelta::seconds(spec::rounded_wall_time_s(ask.wall_time_s));
    let request = Place {
        hold_id,
        attempt_id,
        payer: Payer { agency_id: project.agency_id, project_id: project.project_id },
        grant_ids: admitted.grant_ids.clone(),
        gpu_seconds: admitted.gpu_seconds,
        rate_id: admitted.rate_id,
        // The last instant at which it could start and still end in time.
        expires_at: (admitted.deadline - wall_time).max(stamp.now + TimeDelta::seconds(1)),
    };
    let placed = hold::place(tx, &request, stamp).await?;
    if placed.usek != admitted.usek {
        // Others took some of the grants meanwhile, and the parts round otherwise.
        write::held(tx, attempt_id, placed.usek).await?;
    }
    let job_plan_id = ask.job_plan_id;
    let quote = Quote { gpu_seconds: admitted.gpu_seconds, usek: placed.usek };
    Ok(Admission { job_plan_id, attempt_id, slurm_job_id, quote, repeated: false })
}

/// The pure decision over a snapshot taken in this transaction.
async fn decide(
    tx: &mut PgConnection,
    ask: &Ask,
    now: DateTime<Utc>,
) -> Result<(ProjectFacts, Admitted), PlanError> {
    let (staged, strange) = staged(tx, ask).await?;
    let mut snapshot = admission::snapshot(tx, ask.project_id, ask.person_id, &staged, now).await?;
    let member_of = snapshot.project.clone().filter(|project| project.is_member);
    if let Some(project) = &member_of {
        if let Some(link_id) = strange {
            return Err(PlanError::NoSuchLink(link_id));
        }
        if snapshot.needs_count(&ask.class) {
            use_limit::lock(tx, project.agency_id).await?;
            snapshot.in_use = Some(in_use::of_agency(tx, project.agency_id).await?);
        }
    }
    let asked = admission::Ask {
        person_id: ask.person_id,
        gpu_count: ask.gpu_count,
        wall_time_s: spec::rounded_wall_time_s(ask.wall_time_s),
        task_count: ask.task_count,
        tasks_at_once: ask.tasks_at_once,
        class: ask.class.clone(),
        now,
    };
    let admitted = admission::decide(&asked, &snapshot)?;
    // Who is not a member was refused just now.
    let project = member_of.ok_or(sqlx::Error::RowNotFound)?;
    Ok((project, admitted))
}

/// What the plan's links bring, and the first link that is not its project's.
pub(super) async fn staged(
    tx: &mut PgConnection,
    ask: &Ask,
) -> Result<(Vec<StagedDataset>, Option<Uuid>), sqlx::Error> {
    let mut staged = Vec::new();
    let mut strange = None;
    for &link_id in &ask.link_ids {
        let link = staging::link::by_id(&mut *tx, link_id).await?;
        match link.filter(|link| link.project_id == ask.project_id) {
            Some(link) => staged.push(StagedDataset {
                permit_id: link.permit_id,
                dataset: link.dataset,
                environment: Some(link.environment_name),
            }),
            None => strange = strange.or(Some(link_id)),
        }
    }
    Ok((staged, strange))
}
