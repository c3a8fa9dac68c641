//! The HTTP API: decode, one domain call in one transaction, encode.
//!
//! The rules live in the crates below; who may call what stands in [`crate::auth::table`].

mod access_mode;
mod agency_share;
mod agent;
mod at_cluster;
mod audit;
mod cluster;
mod crisis;
mod error;
mod exception;
mod extract;
mod fund;
mod grant;
mod invoice;
mod job_life;
mod job_plan;
mod job_shown;
mod limit_policy;
mod link;
mod openapi;
mod overrun;
mod people;
mod permit;
mod pool;
mod project;
mod proof;
mod rate_card;
mod reconcile;
mod request;
mod use_limit;
mod why;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};

use crate::app::{App, OneCluster};

pub use error::ApiError;
pub(crate) use extract::{Body, Path, Query, Reads};
pub(crate) use invoice::parse_month;
pub use openapi::document as openapi_document;
pub(crate) use project::visible as visible_project;

/// The routes under `/v1`, and the open ones beside them.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/healthz", get(crate::health::show))
        .route("/openapi.json", get(openapi::serve))
        .route("/v1/me", get(people::me))
        .merge(set_up())
        .merge(limits_and_money())
        .merge(projects_and_grants())
        .merge(data_and_jobs())
        .merge(out_of_the_ordinary())
        .route("/v1/audit/verdict", get(audit::verdict))
        .route("/v1/agent/segments", post(agent::segments))
        .route("/v1/agent/starts", post(agent::starts))
}

/// What is not everyday: crises, exceptions, and why a job does not run.
fn out_of_the_ordinary() -> Router<App> {
    Router::new()
        .route("/v1/crises", post(crisis::propose).get(crisis::list))
        .route("/v1/crises/{crisis_id}/confirmation", post(crisis::confirm))
        .route("/v1/crises/{crisis_id}/end", post(crisis::end))
        .route("/v1/crises/{crisis_id}/report", get(crisis::report))
        .route("/v1/exceptions", get(exception::list))
        .route("/v1/exceptions/{exception_id}/closing", post(exception::close))
        .route("/v1/projects/{project_id}/why", get(why::project))
        .route("/v1/job-plans/{job_plan_id}/why", get(why::job_plan))
}

/// What the operator lays out, and the cluster it is laid out on.
fn set_up() -> Router<App> {
    Router::new()
        .route("/v1/agencies", post(people::create_agency).get(people::list_agencies))
        .route("/v1/funds", post(fund::create_fund).get(fund::list_funds))
        .route("/v1/funds/{fund_id}/envelope", get(fund::envelope))
        .route("/v1/funds/{fund_id}/proof", get(proof::show))
        .route(
            "/v1/funds/{fund_id}/access-modes",
            post(access_mode::create).get(access_mode::list_for_fund),
        )
        .route("/v1/pools", post(pool::create_pool).get(pool::list_pools))
        .route("/v1/pools/{pool_id}/share", post(pool::set_share).get(pool::show_share))
        .route("/v1/pools/{pool_id}/agency-shares", post(agency_share::set).get(agency_share::list))
        .route("/v1/environments", post(link::create_environment).get(link::list_environments))
        .route("/v1/cluster/settings", get(cluster::settings))
        .route("/v1/cluster/diff", get(cluster::diff))
        .route("/v1/cluster/apply", post(cluster::apply))
        .route("/v1/cluster/import", get(cluster::import))
        .route("/v1/reconciliation", get(reconcile::show))
        .route("/v1/outbox/dead-letters", get(cluster::dead_letters))
        .route("/v1/outbox/dead-letters/{outbox_id}/retry", post(cluster::retry_dead_letter))
}

/// Bounds on use, what happens at them, and what use costs.
fn limits_and_money() -> Router<App> {
    Router::new()
        .route("/v1/use-limits", post(use_limit::set).get(use_limit::list))
        .route("/v1/agencies/{agency_id}/limit-policies", post(limit_policy::decide))
        .route("/v1/agencies/{agency_id}/limit-policy", get(limit_policy::show))
        .route("/v1/agencies/{agency_id}/limit-actions", get(limit_policy::actions))
        .route("/v1/rate-cards", post(rate_card::publish_rate_card))
        .route("/v1/charges", get(invoice::charges))
        .route("/v1/invoice-drafts/{agency_id}/{month}", get(invoice::draft))
        .route("/v1/overruns", get(overrun::list))
        .route("/v1/overrun-clearings", get(overrun::list_proposed))
        .route("/v1/grants/{grant_id}/overrun-clearings", post(overrun::propose))
        .route("/v1/overrun-clearings/{clearing_id}/confirmation", post(overrun::confirm))
        .route("/v1/overrun-clearings/{clearing_id}/rejection", post(overrun::reject))
}

/// Projects, what they ask for, and what they were given.
fn projects_and_grants() -> Router<App> {
    Router::new()
        .route("/v1/projects", post(project::create).get(project::list))
        .route("/v1/projects/{project_id}", get(project::show))
        .route("/v1/projects/{project_id}/access-modes", get(access_mode::list_for_project))
        .route("/v1/projects/{project_id}/members", post(project::add_member))
        .route("/v1/projects/{project_id}/requests", post(request::submit))
        .route("/v1/requests", get(request::list_open))
        .route("/v1/requests/{request_id}/approval", post(request::approve))
        .route("/v1/requests/{request_id}/rejection", post(request::reject))
        .route("/v1/grants/{grant_id}/top-up", post(grant::top_up))
        .route("/v1/grants/{grant_id}/give-back", post(grant::give_back))
        .route("/v1/grants/{grant_id}/transfer", post(grant::transfer))
        .route("/v1/grants/{grant_id}/carry-over", post(grant::carry_over))
        .route("/v1/grants/{grant_id}/supersede", post(grant::supersede))
        .route("/v1/grants/{grant_id}/changes", get(grant::changes))
}

/// Permits, links and job plans.
fn data_and_jobs() -> Router<App> {
    Router::new()
        .route("/v1/projects/{project_id}/permits", post(permit::record))
        .route("/v1/permits/{permit_id}/revocation", post(permit::revoke))
        .route("/v1/projects/{project_id}/links", post(link::open))
        .route("/v1/links/{link_id}", get(link::show))
        .route("/v1/projects/{project_id}/quotes", post(job_plan::quote).layer(script_fits()))
        .route("/v1/projects/{project_id}/job-plans", post(job_plan::submit).layer(script_fits()))
        .route("/v1/job-plans/{job_plan_id}", get(job_shown::show))
        .route("/v1/job-plans/{job_plan_id}/cancellation", post(job_plan::cancel))
        .route("/v1/job-plans/{job_plan_id}/hold", post(job_life::hold))
        .route("/v1/job-plans/{job_plan_id}/release", post(job_life::release))
        .route("/v1/job-plans/{job_plan_id}/extensions", post(job_life::extend))
        .route("/v1/job-plans/{job_plan_id}/suspension", post(job_life::suspend))
        .route("/v1/job-plans/{job_plan_id}/resumption", post(job_life::resume))
        .route("/v1/job-plans/{job_plan_id}/retry", post(job_life::retry))
}

/// After a commit that changes what Slurm should have: what writes it there need not wait for its
/// next look.
fn slurm_must_follow(app: &App) {
    app.clusters.wake();
}

/// Refuses what rests on preemption while the cluster's Slurm is not set up for it.
fn needs_preemption(on: &OneCluster) -> Result<(), ApiError> {
    let faults = on.settings.against_preemption();
    if faults.is_empty() {
        return Ok(());
    }
    let (name, faults) = (&on.cluster.name, faults.join(" "));
    let message = format!("Slurm on {name} is not set up for this; mend it first: {faults}");
    Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "slurm_settings_wrong", message))
}

/// The longest script fits, escaped as JSON; other bodies keep the far smaller default.
fn script_fits() -> DefaultBodyLimit {
    DefaultBodyLimit::max(slurm_wire::MAX_LINE_BYTES)
}
