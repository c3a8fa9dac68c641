//! The OpenAPI document, generated from the handlers.

use axum::Json;
use utoipa::OpenApi;

use super::{
    access_mode, agency_share, agent, audit, cluster, crisis, exception, fund, grant, invoice,
    job_life, job_plan, job_shown, limit_policy, link, overrun, people, permit, pool, project,
    proof, rate_card, reconcile, request, use_limit, why,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Mimer Broker",
        description = "Funds, pools, requests, grants, limits, job plans, staging links, charges and \
            the record. Times \
            are RFC 3339 in UTC; GPU-seconds and µSEK are whole numbers; ids are UUIDs chosen by \
            the client, and repeating a request with the same id changes nothing.",
        license(name = "EUPL-1.2", identifier = "EUPL-1.2"),
    ),
    paths(
        people::me,
        people::create_agency,
        people::list_agencies,
        fund::create_fund,
        fund::list_funds,
        fund::envelope,
        proof::show,
        access_mode::create,
        access_mode::list_for_fund,
        access_mode::list_for_project,
        pool::create_pool,
        pool::list_pools,
        pool::set_share,
        pool::show_share,
        agency_share::set,
        agency_share::list,
        use_limit::set,
        use_limit::list,
        limit_policy::decide,
        limit_policy::show,
        limit_policy::actions,
        rate_card::publish_rate_card,
        link::create_environment,
        link::list_environments,
        cluster::settings,
        cluster::diff,
        cluster::apply,
        cluster::import,
        reconcile::show,
        cluster::dead_letters,
        cluster::retry_dead_letter,
        invoice::charges,
        invoice::draft,
        overrun::propose,
        overrun::confirm,
        overrun::reject,
        overrun::list_proposed,
        overrun::list,
        project::create,
        project::list,
        project::show,
        project::add_member,
        request::submit,
        request::list_open,
        request::approve,
        request::reject,
        grant::top_up,
        grant::give_back,
        grant::transfer,
        grant::carry_over,
        grant::supersede,
        grant::changes,
        permit::record,
        permit::revoke,
        link::open,
        link::show,
        job_plan::quote,
        job_plan::submit,
        job_shown::show,
        job_plan::cancel,
        job_life::hold,
        job_life::release,
        job_life::extend,
        job_life::suspend,
        job_life::resume,
        job_life::retry,
        crisis::propose,
        crisis::confirm,
        crisis::end,
        crisis::list,
        crisis::report,
        exception::list,
        exception::close,
        why::project,
        why::job_plan,
        audit::verdict,
        agent::segments,
        agent::starts,
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
