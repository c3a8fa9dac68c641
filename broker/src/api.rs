//! The HTTP API: decode, one domain call in one transaction, encode.
//!
//! The rules live in the crates below; who may call what stands in [`crate::auth::table`].

mod agent;
mod audit;
mod cluster;
mod error;
mod extract;
mod fund;
mod invoice;
mod job_plan;
mod link;
mod openapi;
mod people;
mod permit;
mod project;
mod request;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::app::App;

pub use error::ApiError;
pub(crate) use extract::{Body, Path, Query};
pub(crate) use invoice::parse_month;
pub use openapi::document as openapi_document;
pub(crate) use project::visible as visible_project;

/// The routes under `/v1`, and the open ones beside them.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/openapi.json", get(openapi::serve))
        .route("/v1/me", get(people::me))
        .route("/v1/agencies", post(people::create_agency).get(people::list_agencies))
        .route("/v1/funds", post(fund::create_fund))
        .route("/v1/pools", post(fund::create_pool).get(fund::list_pools))
        .route("/v1/rate-cards", post(fund::publish_rate_card))
        .route("/v1/environments", post(link::create_environment).get(link::list_environments))
        .route("/v1/cluster/settings", get(cluster::settings))
        .route("/v1/outbox/dead-letters", get(cluster::dead_letters))
        .route("/v1/outbox/dead-letters/{outbox_id}/retry", post(cluster::retry_dead_letter))
        .route("/v1/charges", get(invoice::charges))
        .route("/v1/invoice-drafts/{agency_id}/{month}", get(invoice::draft))
        .route("/v1/projects", post(project::create).get(project::list))
        .route("/v1/projects/{project_id}", get(project::show))
        .route("/v1/projects/{project_id}/members", post(project::add_member))
        .route("/v1/projects/{project_id}/requests", post(request::submit))
        .route("/v1/requests", get(request::list_open))
        .route("/v1/requests/{request_id}/approval", post(request::approve))
        .route("/v1/requests/{request_id}/rejection", post(request::reject))
        .route("/v1/projects/{project_id}/permits", post(permit::record))
        .route("/v1/permits/{permit_id}/revocation", post(permit::revoke))
        .route("/v1/projects/{project_id}/links", post(link::open))
        .route("/v1/links/{link_id}", get(link::show))
        .route("/v1/projects/{project_id}/quotes", post(job_plan::quote).layer(script_fits()))
        .route("/v1/projects/{project_id}/job-plans", post(job_plan::submit).layer(script_fits()))
        .route("/v1/job-plans/{job_plan_id}", get(job_plan::show))
        .route("/v1/job-plans/{job_plan_id}/cancellation", post(job_plan::cancel))
        .route("/v1/audit/verdict", get(audit::verdict))
        .route("/v1/agent/segments", post(agent::segments))
}

/// The longest script fits, escaped as JSON; other bodies keep the far smaller default.
fn script_fits() -> DefaultBodyLimit {
    DefaultBodyLimit::max(slurm_wire::MAX_LINE_BYTES)
}
