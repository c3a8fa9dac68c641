//! "Why can't I run?", for a project and for a plan.

use axum::Json;
use axum::extract::State;
use uuid::Uuid;

use super::{ApiError, Path, Reads, visible_project};
use crate::app::App;
use crate::auth::Caller;
use crate::why::{self, Finding, Walker};

/// Walks the way of the caller's next job in a project, from login to node.
#[utoipa::path(get, path = "/v1/projects/{project_id}/why", tag = "projects",
    params(("project_id" = Uuid, Path,)),
    responses((status = 200, body = Vec<Finding>), (status = 404)))]
pub(super) async fn project(
    State(app): State<App>,
    caller: Caller,
    Reads(language): Reads,
    Path(project_id): Path<Uuid>,
) -> Result<Json<Vec<Finding>>, ApiError> {
    visible_project(&mut *app.db.acquire().await?, &caller, project_id).await?;
    let (person_id, now) = (caller.person_id, app.clock.now());
    let walker = Walker { project_id, person_id, job_plan_id: None, language, now };
    let walked = why::walk(&app, &walker).await;
    Ok(Json(walked.map_err(|error| ApiError::internal(&*error))?))
}

/// Walks the way of a plan, as the person who planned it.
#[utoipa::path(get, path = "/v1/job-plans/{job_plan_id}/why", tag = "job plans",
    params(("job_plan_id" = Uuid, Path,)),
    responses((status = 200, body = Vec<Finding>), (status = 404)))]
pub(super) async fn job_plan(
    State(app): State<App>,
    caller: Caller,
    Reads(language): Reads,
    Path(job_plan_id): Path<Uuid>,
) -> Result<Json<Vec<Finding>>, ApiError> {
    let mut connection = app.db.acquire().await?;
    let not_found = || ApiError::not_found("job plan");
    let plan = sqlx::query!(
        "select project_id, person_id from broker.job_plan where job_plan_id = $1",
        job_plan_id,
    )
    .fetch_optional(&mut *connection)
    .await?
    .ok_or_else(not_found)?;
    visible_project(&mut connection, &caller, plan.project_id).await.map_err(|_| not_found())?;
    drop(connection);
    let walker = Walker {
        project_id: plan.project_id,
        person_id: plan.person_id,
        job_plan_id: Some(job_plan_id),
        language,
        now: app.clock.now(),
    };
    let walked = why::walk(&app, &walker).await;
    Ok(Json(walked.map_err(|error| ApiError::internal(&*error))?))
}
