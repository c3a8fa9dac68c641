//! What an agency's page shows: its own decision on what happens at its limits, where its use
//! stands, what was done, and how much it may use at once.

use accounting::ledger::{self, LedgerError};
use chrono::{DateTime, Utc};
use record::GpuSeconds;
use serde::Deserialize;
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{JobRef, PersonRef, ProjectRef, gpu_seconds, impossible};

/// How many actions the page lists.
pub const ACTIONS_SHOWN: i64 = 100;

/// Which agency's page is read, for whom and when.
#[derive(Clone, Copy, Debug)]
pub struct ReadAgency {
    /// The agency.
    pub agency_id: Uuid,
    /// `Some`: somebody of the agency, who is told of the projects they work in and of no other.
    pub colleague: Option<Uuid>,
    /// The instant of the figures.
    pub now: DateTime<Utc>,
}

/// The page of one agency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgencyView {
    /// Its id.
    pub agency_id: Uuid,
    /// Its name.
    pub name: String,
    /// Ten digits.
    pub organisation_number: String,
    /// What kind of applicant it is, as the database names it.
    pub category: String,
    /// The instant of the figures.
    pub now: DateTime<Utc>,
    /// Where its use stands.
    pub standing: Standing,
    /// What it has decided, if it ever did.
    pub policy: Option<PolicyView>,
    /// What was done at a limit, newest first, at most [`ACTIONS_SHOWN`].
    pub actions: Vec<ActionLine>,
    /// Limits on use at once, the agency's own first.
    pub limits: Vec<UseLimitLine>,
}

/// What was used of the grants that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Settled and overrun.
    pub used: GpuSeconds,
    /// Granted, net of what left the grants again.
    pub granted: GpuSeconds,
}

/// What an agency has decided to do at its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyView {
    /// True if everything is only written down.
    pub dry_run: bool,
    /// Who decided.
    pub decided_by: PersonRef,
    /// When.
    pub decided_at: DateTime<Utc>,
    /// The reason given; `None` if there is none, or once it was erased.
    pub motivation: Option<String>,
    /// How many decisions came before.
    pub earlier_count: i64,
    /// The steps from the lowest share up.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Step {
    /// The share of the granted time from which it is taken.
    pub at_percent: i64,
    /// What is done, as the database names it.
    pub action: String,
}

/// One action, done or only written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionLine {
    /// The step.
    pub step: Step,
    /// When.
    pub taken_at: DateTime<Utc>,
    /// Where use stood then.
    pub standing: Standing,
    /// What it was done to.
    pub done_to: DoneTo,
    /// True if it was only written down.
    pub dry_run: bool,
}

/// What an action was done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoneTo {
    /// The agency as a whole.
    Agency,
    /// A job.
    Job(JobRef),
    /// A job of a project that the reader has no part in.
    OtherJob,
}

/// One limit on use at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseLimitLine {
    /// The project it is for; `None`: the agency's projects together.
    pub project: Option<ProjectRef>,
    /// The class it is for; `None`: all together.
    pub class: Option<String>,
    /// The most GPUs.
    pub gpus_at_once: Option<i64>,
    /// The most jobs.
    pub jobs_at_once: Option<i64>,
    /// When it was set.
    pub set_at: DateTime<Utc>,
}

impl Standing {
    /// True if so much use reaches the step. Where nothing is granted nothing is reached.
    pub fn reaches(self, step: &Step) -> bool {
        self.granted > GpuSeconds::ZERO
            && i128::from(self.used.get()) * 100
                >= i128::from(self.granted.get()) * i128::from(step.at_percent)
    }

    /// The time at which a step is reached.
    pub fn threshold(self, step: &Step) -> GpuSeconds {
        let scaled = i128::from(self.granted.get()) * i128::from(step.at_percent);
        // Use reaches the step at the first whole second that is not below its share.
        let seconds = (scaled + 99) / 100;
        i64::try_from(seconds).ok().and_then(GpuSeconds::new).unwrap_or_default()
    }
}

/// Reads the page of an agency, or `None` if there is no such agency.
pub async fn read(
    tx: &mut PgConnection,
    ask: ReadAgency,
) -> Result<Option<AgencyView>, sqlx::Error> {
    let ReadAgency { agency_id, now, .. } = ask;
    let agency = sqlx::query!(
        r#"select name, organisation_number, category::text as "category!"
           from quotas.agency where agency_id = $1"#,
        agency_id,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(agency) = agency else { return Ok(None) };
    Ok(Some(AgencyView {
        agency_id,
        name: agency.name,
        organisation_number: agency.organisation_number,
        category: agency.category,
        now,
        standing: standing(&mut *tx, agency_id, now).await?,
        policy: policy(&mut *tx, agency_id).await?,
        actions: actions(&mut *tx, ask).await?,
        limits: limits(tx, ask).await?,
    }))
}

/// The grants that are open now, added up as the ledger has them.
async fn standing(
    tx: &mut PgConnection,
    agency_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Standing, sqlx::Error> {
    let open = sqlx::query_scalar!(
        r#"select grant_id as "grant_id!" from quotas.open_grants($1, $2) as grant_id"#,
        agency_id,
        now,
    )
    .fetch_all(&mut *tx)
    .await?;
    let balances = match ledger::balances_of_grants(tx, &open).await {
        Ok(balances) => balances,
        Err(LedgerError::Database(error)) => return Err(error),
        Err(contradiction) => return Err(impossible(contradiction)),
    };
    let add = |one: GpuSeconds, other| one.checked_add(other).unwrap_or(one);
    Ok(balances.values().fold(Standing::default(), |sum, balance| Standing {
        used: add(add(sum.used, balance.settled), balance.overrun),
        granted: add(sum.granted, balance.granted),
    }))
}

async fn policy(tx: &mut PgConnection, agency_id: Uuid) -> Result<Option<PolicyView>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select p.dry_run as "dry_run!", p.decided_by as "decided_by!", n.name as "decided_by_name?",
            p.decided_at as "decided_at!", p.steps as "steps!: Json<Vec<Step>>",
            (select count(*) - 1 from quotas.limit_policy e where e.agency_id = $1)
                as "earlier_count!",
            (select t.body
             from record.audit a join record.free_text t on t.free_text_id = a.audit_id
             where a.subject_kind = 'limit_policy' and a.subject_id = p.limit_policy_id
             order by a.at limit 1) as motivation
        from quotas.limit_policy_now p left join record.person n on n.person_id = p.decided_by
        where p.agency_id = $1
        "#,
        agency_id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| PolicyView {
        dry_run: row.dry_run,
        decided_by: PersonRef { person_id: row.decided_by, name: row.decided_by_name },
        decided_at: row.decided_at,
        motivation: row.motivation,
        earlier_count: row.earlier_count,
        steps: row.steps.0,
    }))
}

async fn actions(tx: &mut PgConnection, ask: ReadAgency) -> Result<Vec<ActionLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select c.at_percent, c.action::text as "action!", c.used, c.granted, c.dry_run, c.taken_at,
            c.attempt_id, j.job_plan_id as "job_plan_id?", a.slurm_job_id as "slurm_job_id?"
        from quotas.limit_action c
            join quotas.limit_policy p using (limit_policy_id)
            left join broker.attempt a using (attempt_id)
            left join broker.job_plan j on j.job_plan_id = a.job_plan_id
                and ($2::uuid is null or exists (
                    select from quotas.project_member m
                    where m.project_id = j.project_id and m.person_id = $2 and m.left_at is null
                ))
        where p.agency_id = $1
        order by c.taken_at desc, c.limit_action_id
        limit $3
        "#,
        ask.agency_id,
        ask.colleague,
        ACTIONS_SHOWN,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let done_to = match (row.attempt_id, row.job_plan_id.zip(row.slurm_job_id)) {
                (None, _) => DoneTo::Agency,
                (Some(_), Some((job_plan_id, slurm_job_id))) => {
                    DoneTo::Job(JobRef { job_plan_id, slurm_job_id })
                }
                (Some(_), None) => DoneTo::OtherJob,
            };
            Ok(ActionLine {
                step: Step { at_percent: row.at_percent, action: row.action },
                taken_at: row.taken_at,
                standing: Standing {
                    used: gpu_seconds(row.used)?,
                    granted: gpu_seconds(row.granted)?,
                },
                done_to,
                dry_run: row.dry_run,
            })
        })
        .collect()
}

async fn limits(tx: &mut PgConnection, ask: ReadAgency) -> Result<Vec<UseLimitLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select l.class, l.gpus_at_once, l.jobs_at_once, l.set_at as "set_at!",
            j.project_id as "project_id?", j.slug as "slug?", j.title as "title?",
            j.data_class = 'confidential' as "confidential?"
        from quotas.use_limit_now l left join quotas.project j using (project_id)
        where l.agency_id = $1 or (
            j.agency_id = $1 and ($2::uuid is null or exists (
                select from quotas.project_member m
                where m.project_id = j.project_id and m.person_id = $2 and m.left_at is null
            ))
        )
        order by j.slug nulls first, l.class nulls first
        "#,
        ask.agency_id,
        ask.colleague,
    )
    .fetch_all(tx)
    .await?;
    let lines = rows.into_iter().map(|row| UseLimitLine {
        project: row.project_id.map(|project_id| ProjectRef {
            project_id,
            slug: row.slug.unwrap_or_default(),
            title: row.title.unwrap_or_default(),
            confidential: row.confidential.unwrap_or(true),
        }),
        class: row.class,
        gpus_at_once: row.gpus_at_once,
        jobs_at_once: row.jobs_at_once,
        set_at: row.set_at,
    });
    Ok(lines.collect())
}
