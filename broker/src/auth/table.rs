//! The one table of who may use which route.

use super::Role;
use super::Role::{AgencyMember, Controller, Decider, Finance, Operator};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Nobody needs to log in: it says nothing about anybody.
    Anyone,
    /// A GPU node's agent, by its token.
    Node,
    /// Anyone who logged in; the handler shows only what is theirs.
    AnyPerson,
    /// Holders of one of these roles.
    Roles(&'static [Role]),
}

/// One route and who may use it.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// HTTP method.
    pub method: &'static str,
    /// Path as the router has it.
    pub path: &'static str,
    /// Who may.
    pub who: Who,
}

const fn rule(method: &'static str, path: &'static str, who: Who) -> Rule {
    Rule { method, path, who }
}

/// Every route of mimerd. A route that is missing here is refused to everybody.
pub const RULES: &[Rule] = &[
    // Open.
    rule("GET", "/healthz", Who::Anyone),
    rule("GET", "/openapi.json", Who::Anyone),
    rule("GET", "/style.css", Who::Anyone),
    rule("GET", "/icon.svg", Who::Anyone),
    rule("GET", "/language/{tag}", Who::Anyone),
    rule("GET", "/login", Who::Anyone),
    rule("POST", "/login", Who::Anyone),
    // Nodes.
    rule("POST", "/v1/agent/segments", Who::Node),
    // Pages.
    rule("POST", "/logout", Who::AnyPerson),
    rule("GET", "/", Who::AnyPerson),
    rule("GET", "/projects/{project_id}", Who::AnyPerson),
    rule("GET", "/jobs/{job_plan_id}", Who::AnyPerson),
    rule("GET", "/operator", Who::Roles(&[Operator])),
    rule("GET", "/finance", Who::Roles(&[Finance])),
    // Myself.
    rule("GET", "/v1/me", Who::AnyPerson),
    // Set up by the operator.
    rule("POST", "/v1/agencies", Who::Roles(&[Operator])),
    rule("GET", "/v1/agencies", Who::AnyPerson),
    rule("POST", "/v1/funds", Who::Roles(&[Operator])),
    rule("POST", "/v1/pools", Who::Roles(&[Operator])),
    rule("GET", "/v1/pools", Who::Roles(&[Operator, Decider, Finance])),
    rule("POST", "/v1/environments", Who::Roles(&[Operator])),
    rule("GET", "/v1/environments", Who::AnyPerson),
    rule("GET", "/v1/cluster/settings", Who::Roles(&[Operator])),
    rule("GET", "/v1/outbox/dead-letters", Who::Roles(&[Operator])),
    rule("POST", "/v1/outbox/dead-letters/{outbox_id}/retry", Who::Roles(&[Operator])),
    // Prices, charges, invoices.
    rule("POST", "/v1/rate-cards", Who::Roles(&[Finance])),
    rule("GET", "/v1/charges", Who::Roles(&[Finance])),
    rule("GET", "/v1/invoice-drafts/{agency_id}/{month}", Who::Roles(&[Finance])),
    // Projects and requests.
    rule("POST", "/v1/projects", Who::Roles(&[AgencyMember])),
    rule("GET", "/v1/projects", Who::AnyPerson),
    rule("GET", "/v1/projects/{project_id}", Who::AnyPerson),
    rule("POST", "/v1/projects/{project_id}/members", Who::Roles(&[AgencyMember])),
    rule("POST", "/v1/projects/{project_id}/requests", Who::Roles(&[AgencyMember])),
    rule("GET", "/v1/requests", Who::Roles(&[Decider])),
    rule("POST", "/v1/requests/{request_id}/approval", Who::Roles(&[Decider])),
    rule("POST", "/v1/requests/{request_id}/rejection", Who::Roles(&[Decider])),
    // Permits and links.
    rule("POST", "/v1/projects/{project_id}/permits", Who::Roles(&[Controller])),
    rule("POST", "/v1/permits/{permit_id}/revocation", Who::Roles(&[Controller])),
    rule("POST", "/v1/projects/{project_id}/links", Who::Roles(&[AgencyMember])),
    rule("GET", "/v1/links/{link_id}", Who::AnyPerson),
    // Job plans.
    rule("POST", "/v1/projects/{project_id}/quotes", Who::Roles(&[AgencyMember])),
    rule("POST", "/v1/projects/{project_id}/job-plans", Who::Roles(&[AgencyMember])),
    rule("GET", "/v1/job-plans/{job_plan_id}", Who::AnyPerson),
    rule("POST", "/v1/job-plans/{job_plan_id}/cancellation", Who::Roles(&[AgencyMember])),
    // The record.
    rule("GET", "/v1/audit/verdict", Who::Roles(&[Operator, Finance, Controller, Decider])),
];

/// The rule of a route, if it has one.
pub fn rule_of(method: &str, path: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.method == method && rule.path == path)
}

/// The methods a path has rules for.
pub fn methods_of(path: &str) -> Vec<&'static str> {
    RULES.iter().filter(|rule| rule.path == path).map(|rule| rule.method).collect()
}
