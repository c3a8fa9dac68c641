//! What "Why can't I run?" shows: whose way it is, and what was found at each station of it.
//!
//! The findings come from the broker, which asks the same admission and the same Slurm that a job
//! meets; here they are plain data, already in the reader's language.

use sqlx::PgConnection;
use uuid::Uuid;

use super::{PersonRef, ProjectRef, Reader};

/// The page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhyView {
    /// What it is about.
    pub subject: Subject,
    /// What was found, in the order of the way.
    pub findings: Vec<Finding>,
}

/// Whose way it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The project.
    pub project: ProjectRef,
    /// The job, where it is about one that was planned.
    pub job: Option<PlannedJob>,
}

/// A job that was planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedJob {
    /// The job plan's id.
    pub job_plan_id: Uuid,
    /// The name the person gave it; `None` for a [`Reader::Outsider`].
    pub name: Option<String>,
    /// Who planned it: the way is theirs.
    pub person: PersonRef,
}

/// What was found at one station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The station's name.
    pub title: String,
    /// What was found.
    pub verdict: Verdict,
    /// The stable code of the reason, where there is one.
    pub code: Option<String>,
    /// What must be so.
    pub expected: String,
    /// What is.
    pub actual: String,
    /// What to do, where something is to be done.
    pub fix: Option<String>,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is in the way.
    Good,
    /// This is in the way.
    InTheWay,
    /// It could not be looked at, or something before it hides it.
    NotKnown,
    /// The installation has no such check.
    NotChecked,
}

impl WhyView {
    /// The titles of the stations with this verdict, each once.
    pub fn stations(&self, verdict: Verdict) -> Vec<&str> {
        let mut titles: Vec<&str> = self
            .findings
            .iter()
            .filter(|finding| finding.verdict == verdict)
            .map(|finding| finding.title.as_str())
            .collect();
        titles.dedup();
        titles
    }
}

/// Reads what a project's page is about, or `None` if there is no such project.
pub async fn of_project(
    tx: &mut PgConnection,
    project_id: Uuid,
) -> Result<Option<Subject>, sqlx::Error> {
    let project = sqlx::query_as!(
        ProjectRef,
        r#"
        select project_id, slug, title, data_class = 'confidential' as "confidential!"
        from quotas.project where project_id = $1
        "#,
        project_id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(project.map(|project| Subject { project, job: None }))
}

/// Reads what a job's page is about, or `None` if there is no such plan.
pub async fn of_job(
    tx: &mut PgConnection,
    job_plan_id: Uuid,
    reader: Reader,
) -> Result<Option<Subject>, sqlx::Error> {
    let plan = sqlx::query!(
        r#"
        select case when $2 then p.name end as name, p.project_id, j.slug, j.title,
            j.data_class = 'confidential' as "confidential!", p.person_id,
            n.name as "person_name?"
        from broker.job_plan p
            join quotas.project j using (project_id)
            left join record.person n using (person_id)
        where p.job_plan_id = $1
        "#,
        job_plan_id,
        reader == Reader::Member,
    )
    .fetch_optional(tx)
    .await?;
    Ok(plan.map(|plan| Subject {
        project: ProjectRef {
            project_id: plan.project_id,
            slug: plan.slug,
            title: plan.title,
            confidential: plan.confidential,
        },
        job: Some(PlannedJob {
            job_plan_id,
            name: plan.name,
            person: PersonRef { person_id: plan.person_id, name: plan.person_name },
        }),
    }))
}
