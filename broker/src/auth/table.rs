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

/// Those who set up, decide and pay: they see the whole tree of funds, pools and limits.
const OVERSEERS: Who = Who::Roles(&[Operator, Decider, Finance]);

/// Those who may be the second of the two that clear use nobody paid for.
const SECOND_PERSON: Who = Who::Roles(&[Finance, Decider]);

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
    rule("POST", "/v1/agent/starts", Who::Node),
    // Pages.
    rule("POST", "/logout", Who::AnyPerson),
    rule("GET", "/", Who::AnyPerson),
    rule("GET", "/projects/{project_id}", Who::AnyPerson),
    rule("GET", "/projects/{project_id}/why", Who::AnyPerson),
    rule("GET", "/jobs/{job_plan_id}", Who::AnyPerson),
    rule("GET", "/jobs/{job_plan_id}/why", Who::AnyPerson),
    rule("GET", "/agencies/{agency_id}", Who::AnyPerson),
    rule("GET", "/funds/{fund_id}", OVERSEERS),
    rule("GET", "/crises/{crisis_id}", OVERSEERS),
    rule("GET", "/operator", Who::Roles(&[Operator])),
    rule("GET", "/finance", Who::Roles(&[Finance])),
    // Myself.
    rule("GET", "/v1/me", Who::AnyPerson),
    // Set up by the operator.
    rule("POST", "/v1/agencies", Who::Roles(&[Operator])),
    rule("GET", "/v1/agencies", Who::AnyPerson),
    rule("POST", "/v1/funds", Who::Roles(&[Operator])),
    rule("GET", "/v1/funds", OVERSEERS),
    rule("GET", "/v1/funds/{fund_id}/envelope", OVERSEERS),
    rule("GET", "/v1/funds/{fund_id}/proof", OVERSEERS),
    rule("POST", "/v1/funds/{fund_id}/access-modes", Who::Roles(&[Operator])),
    rule("GET", "/v1/funds/{fund_id}/access-modes", OVERSEERS),
    rule("POST", "/v1/pools", Who::Roles(&[Operator])),
    rule("GET", "/v1/pools", OVERSEERS),
    rule("POST", "/v1/pools/{pool_id}/share", Who::Roles(&[Operator])),
    rule("GET", "/v1/pools/{pool_id}/share", OVERSEERS),
    rule("POST", "/v1/pools/{pool_id}/agency-shares", Who::Roles(&[Operator])),
    rule("GET", "/v1/pools/{pool_id}/agency-shares", OVERSEERS),
    rule("POST", "/v1/environments", Who::Roles(&[Operator])),
    rule("GET", "/v1/environments", Who::AnyPerson),
    rule("GET", "/v1/cluster/settings", Who::Roles(&[Operator])),
    rule("GET", "/v1/cluster/diff", Who::Roles(&[Operator])),
    rule("POST", "/v1/cluster/apply", Who::Roles(&[Operator])),
    rule("GET", "/v1/cluster/import", Who::Roles(&[Operator])),
    rule("GET", "/v1/reconciliation", Who::Roles(&[Operator, Finance])),
    rule("GET", "/v1/outbox/dead-letters", Who::Roles(&[Operator])),
    rule("POST", "/v1/outbox/dead-letters/{outbox_id}/retry", Who::Roles(&[Operator])),
    // Limits: use at once by the operator, what happens at a limit by a decider.
    rule("POST", "/v1/use-limits", Who::Roles(&[Operator])),
    rule("GET", "/v1/use-limits", OVERSEERS),
    rule("POST", "/v1/agencies/{agency_id}/limit-policies", Who::Roles(&[Decider])),
    rule("GET", "/v1/agencies/{agency_id}/limit-policy", Who::AnyPerson),
    rule("GET", "/v1/agencies/{agency_id}/limit-actions", Who::AnyPerson),
    // Prices, charges, invoices; use that nobody paid for is cleared by two people.
    rule("POST", "/v1/rate-cards", Who::Roles(&[Finance])),
    rule("GET", "/v1/charges", Who::Roles(&[Finance])),
    rule("GET", "/v1/invoice-drafts/{agency_id}/{month}", Who::Roles(&[Finance])),
    rule("GET", "/v1/overruns", OVERSEERS),
    rule("GET", "/v1/overrun-clearings", OVERSEERS),
    rule("POST", "/v1/grants/{grant_id}/overrun-clearings", Who::Roles(&[Finance])),
    rule("POST", "/v1/overrun-clearings/{clearing_id}/confirmation", SECOND_PERSON),
    rule("POST", "/v1/overrun-clearings/{clearing_id}/rejection", SECOND_PERSON),
    // Projects and requests.
    rule("POST", "/v1/projects", Who::Roles(&[AgencyMember])),
    rule("GET", "/v1/projects", Who::AnyPerson),
    rule("GET", "/v1/projects/{project_id}", Who::AnyPerson),
    rule("GET", "/v1/projects/{project_id}/access-modes", Who::AnyPerson),
    rule("POST", "/v1/projects/{project_id}/members", Who::Roles(&[AgencyMember])),
    rule("POST", "/v1/projects/{project_id}/requests", Who::Roles(&[AgencyMember])),
    rule("GET", "/v1/requests", Who::Roles(&[Decider])),
    rule("POST", "/v1/requests/{request_id}/approval", Who::Roles(&[Decider])),
    rule("POST", "/v1/requests/{request_id}/rejection", Who::Roles(&[Decider])),
    // Grants: what is decided is changed by deciders; what is left is given back by members.
    rule("POST", "/v1/grants/{grant_id}/top-up", Who::Roles(&[Decider])),
    rule("POST", "/v1/grants/{grant_id}/give-back", Who::Roles(&[AgencyMember])),
    rule("POST", "/v1/grants/{grant_id}/transfer", Who::Roles(&[Decider])),
    rule("POST", "/v1/grants/{grant_id}/carry-over", Who::Roles(&[Decider])),
    rule("POST", "/v1/grants/{grant_id}/supersede", Who::Roles(&[Decider])),
    rule("GET", "/v1/grants/{grant_id}/changes", Who::AnyPerson),
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
    rule("POST", "/v1/job-plans/{job_plan_id}/hold", Who::Roles(&[AgencyMember, Operator])),
    rule("POST", "/v1/job-plans/{job_plan_id}/release", Who::Roles(&[AgencyMember, Operator])),
    rule("POST", "/v1/job-plans/{job_plan_id}/extensions", Who::Roles(&[AgencyMember])),
    rule("POST", "/v1/job-plans/{job_plan_id}/suspension", Who::Roles(&[Operator])),
    rule("POST", "/v1/job-plans/{job_plan_id}/resumption", Who::Roles(&[Operator])),
    rule("POST", "/v1/job-plans/{job_plan_id}/retry", Who::Roles(&[AgencyMember])),
    // Not everyday. Crisis mode takes two people; each may be an operator or a decider.
    rule("POST", "/v1/crises", Who::Roles(&[Operator, Decider])),
    rule("GET", "/v1/crises", OVERSEERS),
    rule("POST", "/v1/crises/{crisis_id}/confirmation", Who::Roles(&[Operator, Decider])),
    rule("POST", "/v1/crises/{crisis_id}/end", Who::Roles(&[Operator, Decider])),
    rule("GET", "/v1/crises/{crisis_id}/report", OVERSEERS),
    rule("GET", "/v1/exceptions", Who::Roles(&[Operator, Finance])),
    rule("POST", "/v1/exceptions/{exception_id}/closing", Who::Roles(&[Operator])),
    rule("GET", "/v1/projects/{project_id}/why", Who::AnyPerson),
    rule("GET", "/v1/job-plans/{job_plan_id}/why", Who::AnyPerson),
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
