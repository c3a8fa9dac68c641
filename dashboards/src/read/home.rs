//! What the start page shows: the person's projects, latest jobs and what waits for a decision.

use chrono::{DateTime, Utc};
use record::GpuSeconds;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    AgencyRef, FundRef, JobLine, ProjectRef,
    crisis::{self, CrisisLine},
    gpu_seconds, job_line,
};

/// How many jobs the start page lists.
const JOBS_SHOWN: i64 = 10;

/// For whom and when the start page is read.
#[derive(Clone, Copy, Debug)]
pub struct ReadHome {
    /// Who looks.
    pub person_id: Uuid,
    /// True for a decider, who also sees the requests that wait.
    pub decides: bool,
    /// True for those who may open the pages of funds and crises.
    pub oversees: bool,
    /// The instant that decides which grants are valid.
    pub now: DateTime<Utc>,
}

/// The start page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HomeView {
    /// The projects the person is in, by name.
    pub projects: Vec<ProjectLine>,
    /// The agencies the person asks for.
    pub agencies: Vec<AgencyRef>,
    /// The funds, the one that ends last first; none for who may not open their pages.
    pub funds: Vec<FundRef>,
    /// Crises that are active or wait for a second person; none for who may not open their pages.
    pub crises: Vec<CrisisLine>,
    /// The person's latest jobs, newest first.
    pub jobs: Vec<JobLine>,
    /// The requests that wait for a decision; `None` if deciding is not the person's part.
    pub open_requests: Option<Vec<OpenRequest>>,
}

/// One project of the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectLine {
    /// The project.
    pub project: ProjectRef,
    /// The agency it belongs to.
    pub agency_name: String,
    /// What can still be held from the grants that are valid now.
    pub available: GpuSeconds,
}

/// One request that waits for a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRequest {
    /// Its id.
    pub request_id: Uuid,
    /// The project it is for.
    pub project: ProjectRef,
    /// The agency it comes from.
    pub agency_name: String,
    /// The class asked for.
    pub class: String,
    /// The time asked for.
    pub gpu_seconds: GpuSeconds,
    /// When it came.
    pub submitted_at: DateTime<Utc>,
}

/// Reads the start page.
pub async fn read(tx: &mut PgConnection, ask: ReadHome) -> Result<HomeView, sqlx::Error> {
    let open_requests = if ask.decides { Some(open_requests(&mut *tx).await?) } else { None };
    let (funds, crises) = if ask.oversees {
        (funds(&mut *tx).await?, crisis::open(&mut *tx, ask.now).await?)
    } else {
        (Vec::new(), Vec::new())
    };
    Ok(HomeView {
        agencies: agencies(&mut *tx, ask.person_id).await?,
        funds,
        crises,
        projects: projects(&mut *tx, ask.person_id, ask.now).await?,
        jobs: job_line::latest(tx, job_line::Of::Person(ask.person_id), JOBS_SHOWN).await?,
        open_requests,
    })
}

async fn agencies(tx: &mut PgConnection, person_id: Uuid) -> Result<Vec<AgencyRef>, sqlx::Error> {
    sqlx::query_as!(
        AgencyRef,
        "select a.agency_id, a.name
         from broker.person_role r join quotas.agency a using (agency_id)
         where r.person_id = $1 and r.role = 'agency_member' order by a.name",
        person_id,
    )
    .fetch_all(tx)
    .await
}

async fn funds(tx: &mut PgConnection) -> Result<Vec<FundRef>, sqlx::Error> {
    sqlx::query_as!(
        FundRef,
        "select fund_id, name from quotas.fund order by valid_until desc, name, fund_id",
    )
    .fetch_all(tx)
    .await
}

/// The projects a person works in or answers for, with what is left of their valid grants.
async fn projects(
    tx: &mut PgConnection,
    person_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<ProjectLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select p.project_id, p.slug, p.title, p.data_class = 'confidential' as "confidential!",
            a.name as agency_name, coalesce(free.amount, 0)::bigint as "available!"
        from quotas.project p
            join quotas.agency a using (agency_id)
            left join lateral (
                select sum(b.amount) as amount
                from quotas.grant g
                    join accounting.account t on t.owner_id = g.grant_id
                        and t.kind = 'free' and t.unit = 'gpu_seconds'
                    join accounting.balance b on b.account_id = t.account_id
                where g.project_id = p.project_id and g.valid_from <= $2 and $2 < g.valid_until
            ) free on true
        where p.controller_person_id = $1 or exists (
            select from quotas.project_member m
            where m.project_id = p.project_id and m.person_id = $1 and m.left_at is null
        )
        order by p.title, p.project_id
        "#,
        person_id,
        now,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(ProjectLine {
                project: ProjectRef {
                    project_id: row.project_id,
                    slug: row.slug,
                    title: row.title,
                    confidential: row.confidential,
                },
                agency_name: row.agency_name,
                available: gpu_seconds(row.available)?,
            })
        })
        .collect()
}

/// The requests that nobody has decided, oldest first.
async fn open_requests(tx: &mut PgConnection) -> Result<Vec<OpenRequest>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select r.request_id, r.class, r.gpu_seconds, r.submitted_at, p.project_id, p.slug, p.title,
            p.data_class = 'confidential' as "confidential!", a.name as agency_name
        from quotas.request r
            join quotas.project p using (project_id)
            join quotas.agency a using (agency_id)
        where not exists (select from quotas.decision d where d.request_id = r.request_id)
        order by r.submitted_at, r.request_id
        "#,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(OpenRequest {
                request_id: row.request_id,
                project: ProjectRef {
                    project_id: row.project_id,
                    slug: row.slug,
                    title: row.title,
                    confidential: row.confidential,
                },
                agency_name: row.agency_name,
                class: row.class,
                gpu_seconds: gpu_seconds(row.gpu_seconds)?,
                submitted_at: row.submitted_at,
            })
        })
        .collect()
}
