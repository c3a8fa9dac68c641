//! What the project page shows: grants, people, requests, permits, links and jobs.

use chrono::{DateTime, Utc};
use record::GpuSeconds;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{JobLine, PersonRef, ProjectRef, Reader, gpu_seconds, job_line};

mod grant;

pub use grant::{Balance, ChangeLine, GrantEnd, GrantLine, is_used_first};

/// The page of one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectView {
    /// The project.
    pub project: ProjectRef,
    /// The agency it belongs to.
    pub agency_id: Uuid,
    /// Its name.
    pub agency_name: String,
    /// Its account in Slurm.
    pub slurm_account: String,
    /// The instant that decides what is valid.
    pub now: DateTime<Utc>,
    /// Its grants, oldest expiry first: the order in which holds use them.
    pub grants: Vec<GrantLine>,
    /// What was changed about them after they were given, newest first.
    pub changes: Vec<ChangeLine>,
    /// The people in it and their part.
    pub people: Vec<PersonLine>,
    /// What it has asked for, newest first.
    pub requests: Vec<RequestLine>,
    /// The permits recorded for it.
    pub permits: Vec<PermitLine>,
    /// Its staging links, newest first.
    pub links: Vec<LinkLine>,
    /// Its latest jobs, newest first, at most [`JOBS_SHOWN`].
    pub jobs: Vec<JobLine>,
}

/// How many jobs a page lists.
pub const JOBS_SHOWN: i64 = 50;

/// One person of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonLine {
    /// Who.
    pub person: PersonRef,
    /// True for the person who answers for the data.
    pub controller: bool,
    /// True for a member, who may plan jobs.
    pub member: bool,
}

/// One request of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine {
    /// Its id.
    pub request_id: Uuid,
    /// The class asked for.
    pub class: String,
    /// The time asked for.
    pub gpu_seconds: GpuSeconds,
    /// When it came.
    pub submitted_at: DateTime<Utc>,
    /// `undecided`, `approved` or `rejected`.
    pub decision: String,
}

/// One permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermitLine {
    /// Its id.
    pub permit_id: Uuid,
    /// The authority that decided.
    pub issuer: String,
    /// The authority's case number.
    pub reference: String,
    /// The datasets it names.
    pub datasets: Vec<String>,
    /// From when it is valid.
    pub valid_from: DateTime<Utc>,
    /// Until when it is valid; that instant is not part of it.
    pub valid_until: DateTime<Utc>,
    /// When it was revoked, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// One staging link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkLine {
    /// Its id.
    pub link_id: Uuid,
    /// The dataset it brings.
    pub dataset: String,
    /// The environment it comes from.
    pub environment_name: String,
    /// Its state, as the database names it.
    pub state: String,
    /// Since when it is in that state.
    pub state_at: DateTime<Utc>,
    /// Why it is in quarantine or failed, as a stable code.
    pub code: Option<String>,
    /// Files it brought, once verified.
    pub file_count: Option<i64>,
    /// What they weigh together.
    pub size_bytes: Option<i64>,
}

/// Reads the page of a project, or `None` if there is no such project.
pub async fn read(
    tx: &mut PgConnection,
    project_id: Uuid,
    reader: Reader,
    now: DateTime<Utc>,
) -> Result<Option<ProjectView>, sqlx::Error> {
    let project = sqlx::query!(
        r#"
        select p.slug, p.title, p.data_class = 'confidential' as "confidential!", p.slurm_account,
            p.agency_id, a.name as agency_name
        from quotas.project p join quotas.agency a using (agency_id)
        where p.project_id = $1
        "#,
        project_id,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(project) = project else { return Ok(None) };
    Ok(Some(ProjectView {
        project: ProjectRef {
            project_id,
            slug: project.slug,
            title: project.title,
            confidential: project.confidential,
        },
        agency_id: project.agency_id,
        agency_name: project.agency_name,
        slurm_account: project.slurm_account,
        now,
        grants: grant::grants(&mut *tx, project_id).await?,
        changes: grant::changes(&mut *tx, project_id).await?,
        people: people(&mut *tx, project_id).await?,
        requests: requests(&mut *tx, project_id).await?,
        permits: permits(&mut *tx, project_id).await?,
        links: links_of_project(&mut *tx, project_id).await?,
        jobs: job_line::latest(tx, job_line::Of::Project(project_id, reader), JOBS_SHOWN).await?,
    }))
}

/// The members of today and whoever answers for the data.
async fn people(tx: &mut PgConnection, project_id: Uuid) -> Result<Vec<PersonLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        with part as (
            select controller_person_id as person_id, true as controller, false as member
            from quotas.project where project_id = $1
            union all
            select person_id, false, true
            from quotas.project_member where project_id = $1 and left_at is null
        )
        select part.person_id as "person_id!", n.name as "name?",
            bool_or(controller) as "controller!", bool_or(member) as "member!"
        from part left join record.person n using (person_id)
        group by part.person_id, n.name
        order by bool_or(controller) desc, n.name, part.person_id
        "#,
        project_id,
    )
    .fetch_all(tx)
    .await?;
    let line = rows.into_iter().map(|row| PersonLine {
        person: PersonRef { person_id: row.person_id, name: row.name },
        controller: row.controller,
        member: row.member,
    });
    Ok(line.collect())
}

async fn requests(
    tx: &mut PgConnection,
    project_id: Uuid,
) -> Result<Vec<RequestLine>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select r.request_id, r.class, r.gpu_seconds, r.submitted_at,
            coalesce(d.outcome::text, 'undecided') as "decision!"
        from quotas.request r left join quotas.decision d using (request_id)
        where r.project_id = $1
        order by r.submitted_at desc, r.request_id
        "#,
        project_id,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(RequestLine {
                request_id: row.request_id,
                class: row.class,
                gpu_seconds: gpu_seconds(row.gpu_seconds)?,
                submitted_at: row.submitted_at,
                decision: row.decision,
            })
        })
        .collect()
}

async fn permits(tx: &mut PgConnection, project_id: Uuid) -> Result<Vec<PermitLine>, sqlx::Error> {
    sqlx::query_as!(
        PermitLine,
        r#"
        select p.permit_id, p.issuer, p.reference, p.datasets, p.valid_from, p.valid_until,
            r.revoked_at as "revoked_at?"
        from quotas.permit p left join quotas.permit_revocation r using (permit_id)
        where p.project_id = $1
        order by p.valid_until desc, p.permit_id
        "#,
        project_id,
    )
    .fetch_all(tx)
    .await
}

async fn links_of_project(
    tx: &mut PgConnection,
    project_id: Uuid,
) -> Result<Vec<LinkLine>, sqlx::Error> {
    let link_ids =
        sqlx::query_scalar!("select link_id from staging.link where project_id = $1", project_id)
            .fetch_all(&mut *tx)
            .await?;
    links(tx, &link_ids).await
}

/// The named links, newest first.
pub(super) async fn links(
    tx: &mut PgConnection,
    link_ids: &[Uuid],
) -> Result<Vec<LinkLine>, sqlx::Error> {
    sqlx::query_as!(
        LinkLine,
        r#"
        select l.link_id, l.dataset, e.name as environment_name, l.state::text as "state!",
            l.state_at, l.code, l.file_count, l.size_bytes
        from staging.link l join staging.environment e using (environment_id)
        where l.link_id = any($1)
        order by l.opened_at desc, l.link_id
        "#,
        link_ids,
    )
    .fetch_all(tx)
    .await
}
