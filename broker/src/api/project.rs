//! `/v1/projects`: projects and their members.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use quotas::grant::{self, GrantStanding};
use quotas::name::{Slug, SlurmAccount};
use quotas::project::{self, DataClass, NewProject, Project};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body, Path};
use crate::app::App;
use crate::auth::{Caller, Role, roles_of};

/// A new project.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateProject {
    project_id: Uuid,
    agency_id: Uuid,
    /// Short name: lower-case letters, digits and dashes.
    slug: String,
    title: String,
    /// `open` or `confidential`.
    #[schema(value_type = String)]
    data_class: DataClass,
    /// Login of the person who answers for the data.
    controller_login: String,
    /// Slurm account the project's jobs run under.
    slurm_account: String,
}

/// Creates a project of the caller's agency; the caller becomes its first member.
#[utoipa::path(post, path = "/v1/projects", tag = "projects", request_body = CreateProject,
    responses((status = 201, description = "The project")))]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<CreateProject>,
) -> Result<(StatusCode, Json<Project>), ApiError> {
    if !caller.is_member_of(body.agency_id) {
        return Err(ApiError::not_found("agency"));
    }
    let mut tx = app.db.begin().await?;
    let controller_person_id =
        person_with_role(&mut tx, &body.controller_login, Role::Controller).await?;
    let new = NewProject {
        project_id: body.project_id,
        agency_id: body.agency_id,
        slug: body.slug.parse::<Slug>()?,
        title: body.title,
        data_class: body.data_class,
        controller_person_id,
        slurm_account: body.slurm_account.parse::<SlurmAccount>()?,
    };
    let stamp = caller.stamp(app.clock.now(), None);
    // A repeat gets the same answer, but only the first makes its sender a member: the same words
    // from another member of the agency must not let that person in.
    let repeated = project::by_id(&mut tx, new.project_id).await?.is_some();
    let project = project::create(&mut tx, &new, &stamp).await?;
    if !repeated {
        project::add_member(&mut tx, project.project_id, caller.person_id, &stamp).await?;
    }
    tx.commit().await?;
    super::slurm_must_follow(&app);
    Ok((StatusCode::CREATED, Json(project)))
}

/// Lists the caller's projects.
#[utoipa::path(get, path = "/v1/projects", tag = "projects",
    responses((status = 200, description = "Projects the caller is a member of")))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<Project>>, ApiError> {
    let mut connection = app.db.acquire().await?;
    Ok(Json(project::list_for_person(&mut connection, caller.person_id).await?))
}

/// One project with its grants.
#[derive(Serialize)]
pub(super) struct ProjectShown {
    #[serde(flatten)]
    project: Project,
    grants: Vec<GrantStanding>,
    members: Vec<Uuid>,
}

/// Shows one project.
#[utoipa::path(get, path = "/v1/projects/{project_id}", tag = "projects",
    params(("project_id" = Uuid, Path,)),
    responses((status = 200, description = "The project, its grants and members"), (status = 404)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(project_id): Path<Uuid>,
) -> Result<Json<ProjectShown>, ApiError> {
    let mut connection = app.db.acquire().await?;
    let project = visible(&mut connection, &caller, project_id).await?;
    let grants = grant::list_for_project(&mut connection, project_id).await?;
    let members = project::members(&mut connection, project_id).await?;
    Ok(Json(ProjectShown { project, grants, members }))
}

/// A new member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddMember {
    /// Login of an agency member.
    login: String,
}

/// Adds a member. Only a member may, and only people of agencies.
#[utoipa::path(post, path = "/v1/projects/{project_id}/members", tag = "projects",
    params(("project_id" = Uuid, Path,)), request_body = AddMember,
    responses((status = 201, description = "The member"), (status = 404)))]
pub(super) async fn add_member(
    State(app): State<App>,
    caller: Caller,
    Path(project_id): Path<Uuid>,
    Body(body): Body<AddMember>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let mut tx = app.db.begin().await?;
    member_only(&mut tx, &caller, project_id).await?;
    let person_id = person_with_role(&mut tx, &body.login, Role::AgencyMember).await?;
    let stamp = caller.stamp(app.clock.now(), None);
    project::add_member(&mut tx, project_id, person_id, &stamp).await?;
    tx.commit().await?;
    super::slurm_must_follow(&app);
    Ok((StatusCode::CREATED, Json(json!({ "project_id": project_id, "person_id": person_id }))))
}

/// The project, if the caller may see it: its members, its controller, deciders, operators and
/// finance may; everybody else is told that it is not there.
pub(crate) async fn visible(
    tx: &mut PgConnection,
    caller: &Caller,
    project_id: Uuid,
) -> Result<Project, ApiError> {
    let not_found = || ApiError::not_found("project");
    let project = project::by_id(tx, project_id).await?.ok_or_else(not_found)?;
    let by_role =
        [Role::Operator, Role::Finance, Role::Decider].iter().any(|role| caller.is(*role));
    let by_tie = project.controller_person_id == caller.person_id
        || project::is_member(tx, project_id, caller.person_id).await?;
    if by_role || by_tie { Ok(project) } else { Err(not_found()) }
}

/// The project, if the caller is a member.
pub(super) async fn member_only(
    tx: &mut PgConnection,
    caller: &Caller,
    project_id: Uuid,
) -> Result<Project, ApiError> {
    let project = project::by_id(tx, project_id).await?;
    let is_member = project::is_member(tx, project_id, caller.person_id).await?;
    match project {
        None => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "unknown_project",
            "there is no such project; `mimer project list` shows yours",
        )),
        Some(_) if !is_member => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "not_a_member",
            "you are not a member of this project; ask one of its members to add you",
        )),
        Some(project) => Ok(project),
    }
}

/// The person behind a login, who must hold the role.
pub(super) async fn person_with_role(
    tx: &mut PgConnection,
    login: &str,
    role: Role,
) -> Result<Uuid, ApiError> {
    let refuse = || {
        ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "no_such_person",
            format!("nobody with the login `{login}` has the role {}", role.word()),
        )
    };
    let person = record::person::by_login(tx, login).await?.ok_or_else(refuse)?;
    let roles = roles_of(tx, person.person_id).await?;
    roles.iter().find(|held| held.role == role).ok_or_else(refuse)?;
    Ok(person.person_id)
}
