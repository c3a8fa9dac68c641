//! Environments and staging links.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use quotas::project::DataClass;
use serde::Deserialize;
use staging::environment::{self, Environment, NewEnvironment, SftpAddress};
use staging::link::{self, Direction, Link, OpenLink};
use staging::manifest::Bounds;
use staging::signature::ManifestKey;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ApiError, Body, Path, project};
use crate::accounts;
use crate::app::App;
use crate::auth::Caller;
use crate::outbox::{self, Effect};

/// A secure processing environment that data may come from.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateEnvironment {
    environment_id: Uuid,
    /// As permits name it.
    name: String,
    operator: String,
    host_organisation: String,
    /// `{"host", "port", "user", "root"}` of its SFTP server.
    #[schema(value_type = Object)]
    sftp: SftpAddress,
    /// The Ed25519 public key its manifests are signed with, 64 hexadecimal digits.
    #[schema(value_type = String)]
    manifest_key: ManifestKey,
    /// Classes of project it serves: `open`, `confidential`.
    #[schema(value_type = Vec<String>)]
    data_classes: Vec<DataClass>,
}

/// Registers an environment.
#[utoipa::path(post, path = "/v1/environments", tag = "set-up", request_body = CreateEnvironment,
    responses((status = 201, description = "The environment")))]
pub(super) async fn create_environment(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<CreateEnvironment>,
) -> Result<(StatusCode, Json<Environment>), ApiError> {
    let new = NewEnvironment {
        environment_id: body.environment_id,
        name: body.name,
        operator: body.operator,
        host_organisation: body.host_organisation,
        sftp: body.sftp,
        manifest_key: body.manifest_key,
        data_classes: body.data_classes,
    };
    let mut tx = app.db.begin().await?;
    let stamp = caller.stamp(app.clock.now(), None);
    let environment = environment::create(&mut tx, &new, &stamp).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(environment)))
}

/// Lists the environments.
#[utoipa::path(get, path = "/v1/environments", tag = "set-up",
    responses((status = 200, description = "All environments")))]
pub(super) async fn list_environments(
    State(app): State<App>,
) -> Result<Json<Vec<Environment>>, ApiError> {
    Ok(Json(environment::list(&mut *app.db.acquire().await?).await?))
}

/// A link to open: which permitted dataset, from where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenLinkBody {
    link_id: Uuid,
    permit_id: Uuid,
    /// As the permit names it.
    dataset: String,
    environment_id: Uuid,
    /// Directory under the environment's root.
    source_path: String,
    /// Endings of the file names that may pass, as `csv`.
    allowed_types: Vec<String>,
    max_bytes: u64,
}

/// Opens a link and begins to fetch. Jobs that name it wait, held, until it is verified.
#[utoipa::path(post, path = "/v1/projects/{project_id}/links", tag = "permits",
    params(("project_id" = Uuid, Path,)), request_body = OpenLinkBody,
    responses((status = 201, description = "The link"), (status = 409)))]
pub(super) async fn open(
    State(app): State<App>,
    caller: Caller,
    Path(project_id): Path<Uuid>,
    Body(body): Body<OpenLinkBody>,
) -> Result<(StatusCode, Json<Link>), ApiError> {
    let mut tx = app.db.begin().await?;
    let project = project::member_only(&mut tx, &caller, project_id).await?;
    let area = accounts::any_of(&app.config.accounts.file, project.slug.as_str())?.area;
    let new = OpenLink {
        link_id: body.link_id,
        project_id,
        permit_id: body.permit_id,
        area: area.join("data").join(directory_of(&body.dataset, body.link_id)),
        dataset: body.dataset,
        environment_id: body.environment_id,
        direction: Direction::In,
        source_path: body.source_path,
        bounds: Bounds { allowed_types: body.allowed_types, max_bytes: body.max_bytes },
        person_id: caller.person_id,
    };
    let stamp = caller.stamp(app.clock.now(), None);
    let repeated = link::by_id(&mut tx, new.link_id).await?.is_some();
    let link = link::open(&mut tx, &new, &stamp).await?;
    if !repeated {
        let effect = Effect::FetchLink { link_id: link.link_id };
        outbox::want(&mut tx, &effect, stamp.trace_id, stamp.now).await?;
    }
    tx.commit().await?;
    app.outbox_wake.notify_one();
    Ok((StatusCode::CREATED, Json(link)))
}

/// Shows a link.
#[utoipa::path(get, path = "/v1/links/{link_id}", tag = "permits",
    params(("link_id" = Uuid, Path,)),
    responses((status = 200, description = "The link and its state"), (status = 404)))]
pub(super) async fn show(
    State(app): State<App>,
    caller: Caller,
    Path(link_id): Path<Uuid>,
) -> Result<Json<Link>, ApiError> {
    let mut connection = app.db.acquire().await?;
    let not_found = || ApiError::not_found("link");
    let link = link::by_id(&mut connection, link_id).await?.ok_or_else(not_found)?;
    project::visible(&mut connection, &caller, link.project_id).await.map_err(|_| not_found())?;
    Ok(Json(link))
}

/// Where the data lands below the project's `data/`: readable, and never shared by two links.
fn directory_of(dataset: &str, link_id: Uuid) -> String {
    let mut name: String = dataset
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .take(48)
        .collect();
    name.push('-');
    name.push_str(&link_id.simple().to_string());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dataset_never_names_a_path_of_its_own() {
        let name = directory_of("../../etc/passwd", Uuid::nil());
        assert!(name.starts_with("______etc_passwd-"), "{name}");
    }
}
