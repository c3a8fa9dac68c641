//! The OpenAPI document, generated from the handlers.

use axum::Json;
use utoipa::OpenApi;

use super::{
    agent, audit, cluster, fund, invoice, job_plan, link, people, permit, project, request,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Mimer Broker",
        description = "Requests, grants, job plans, staging links, charges and the record. Times \
            are RFC 3339 in UTC; GPU-seconds and µSEK are whole numbers; ids are UUIDs chosen by \
            the client, and repeating a request with the same id changes nothing.",
        license(name = "EUPL-1.2", identifier = "EUPL-1.2"),
    ),
    paths(
        people::me,
        people::create_agency,
        people::list_agencies,
        fund::create_fund,
        fund::create_pool,
        fund::list_pools,
        fund::publish_rate_card,
        link::create_environment,
        link::list_environments,
        cluster::settings,
        cluster::dead_letters,
        cluster::retry_dead_letter,
        invoice::charges,
        invoice::draft,
        project::create,
        project::list,
        project::show,
        project::add_member,
        request::submit,
        request::list_open,
        request::approve,
        request::reject,
        permit::record,
        permit::revoke,
        link::open,
        link::show,
        job_plan::quote,
        job_plan::submit,
        job_plan::show,
        job_plan::cancel,
        audit::verdict,
        agent::segments,
    )
)]
struct Document;

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// Serves it.
pub(super) async fn serve() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The committed document is the generated one; `mimerd openapi` prints it anew.
    #[test]
    fn the_committed_document_is_true() {
        let committed = include_str!("../../../docs/openapi.json");
        let generated = document().to_pretty_json().unwrap();
        assert!(
            committed.trim() == generated.trim(),
            "docs/openapi.json is stale: run `mimerd openapi > docs/openapi.json`"
        );
    }
}
