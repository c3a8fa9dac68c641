//! "Why can't I run?", for a project's next job and for a job that was planned.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use dashboards::read::why::{self as read, Subject, WhyView};
use dashboards::{Frame, page};
use uuid::Uuid;

use super::frame::{frame, page as answer};
use super::show::{id_in_address, or_problem, visible_plan};
use crate::api::{ApiError, Path, visible_project};
use crate::app::App;
use crate::auth::Caller;
use crate::why::{self, Finding, Verdict, Walker};

/// `/projects/{project_id}/why`: the way of the reader's own next job.
pub(super) async fn project(
    State(app): State<App>,
    headers: HeaderMap,
    caller: Caller,
    Path(project_id): Path<String>,
) -> Response {
    let shown = async {
        let project_id = id_in_address(&project_id, "project")?;
        let mut tx = app.db.begin().await?;
        visible_project(&mut tx, &caller, project_id).await?;
        let subject = read::of_project(&mut tx, project_id).await?;
        let subject = subject.ok_or_else(|| ApiError::not_found("project"))?;
        let frame = frame(&mut tx, &app, &headers, &caller).await?;
        // The walk asks Slurm; the connection does not wait for that.
        tx.commit().await?;
        walked(&app, subject, &frame, (caller.person_id, None)).await
    };
    or_problem(&app, &headers, shown.await)
}

/// `/jobs/{job_plan_id}/why`: the way of that job, as the person who planned it.
pub(super) async fn job(
    State(app): State<App>,
    headers: HeaderMap,
    caller: Caller,
    Path(job_plan_id): Path<String>,
) -> Response {
    let shown = async {
        let job_plan_id = id_in_address(&job_plan_id, "job plan")?;
        let mut tx = app.db.begin().await?;
        let plan = visible_plan(&mut tx, &caller, job_plan_id).await?;
        let subject = read::of_job(&mut tx, job_plan_id, plan.reader).await?;
        let subject = subject.ok_or_else(|| ApiError::not_found("job plan"))?;
        let frame = frame(&mut tx, &app, &headers, &caller).await?;
        tx.commit().await?;
        walked(&app, subject, &frame, (plan.person_id, Some(job_plan_id))).await
    };
    or_problem(&app, &headers, shown.await)
}

/// Walks in the language of the page, and renders what was found.
async fn walked(
    app: &App,
    subject: Subject,
    frame: &Frame,
    (person_id, job_plan_id): (Uuid, Option<Uuid>),
) -> Result<Response, ApiError> {
    let walker = Walker {
        project_id: subject.project.project_id,
        person_id,
        job_plan_id,
        language: frame.language,
        now: app.clock.now(),
    };
    let walked = why::walk(app, &walker).await.map_err(|error| ApiError::internal(&*error))?;
    let findings = walked.into_iter().map(shown).collect();
    Ok(answer(page::why::render(&WhyView { subject, findings }, frame)))
}

fn shown(finding: Finding) -> read::Finding {
    read::Finding {
        title: finding.title,
        verdict: match finding.verdict {
            Verdict::Good => read::Verdict::Good,
            Verdict::InTheWay => read::Verdict::InTheWay,
            Verdict::NotKnown => read::Verdict::NotKnown,
            Verdict::NotChecked => read::Verdict::NotChecked,
        },
        code: finding.code,
        expected: finding.expected,
        actual: finding.actual,
        fix: finding.fix,
    }
}
