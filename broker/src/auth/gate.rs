//! The gate in front of every route: finds the caller and holds the table against them.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::table::{Who, methods_of, rule_of};
use super::{Caller, digest};
use crate::api::ApiError;
use crate::app::App;
use crate::pages;

/// Name of the session cookie.
pub(crate) const COOKIE: &str = "mimer_session";

/// The node whose agent calls.
#[derive(Clone, Debug)]
pub struct CallingNode {
    /// Its name in Slurm.
    pub node: String,
    /// Its cluster; `None` for a token from before there were several, on whichever it is.
    pub cluster: Option<String>,
}

/// Lets a request through only if the table says so.
pub async fn authorize(
    State(app): State<App>,
    path: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(path) = path else { return ApiError::no_such_route().into_response() };
    // The router answers HEAD as GET without a body.
    let method = match request.method() {
        &Method::HEAD => "GET",
        method => method.as_str(),
    };
    let Some(rule) = rule_of(method, path.as_str()) else {
        let methods = methods_of(path.as_str());
        return match methods.as_slice() {
            [] => ApiError::route_not_in_table().into_response(),
            methods => ApiError::method_not_allowed(methods).into_response(),
        };
    };
    let outcome = match rule.who {
        Who::Anyone => Ok(()),
        Who::Node => admit_node(&app, &mut request).await,
        Who::AnyPerson => admit_person(&app, &mut request, None).await,
        Who::Roles(roles) => admit_person(&app, &mut request, Some(roles)).await,
    };
    match outcome {
        Ok(()) => next.run(request).await,
        Err(refused) if path.as_str().starts_with("/v1/") => refused.into_response(),
        Err(refused) if refused.is_not_logged_in() => Redirect::to("/login").into_response(),
        Err(refused) => pages::problem(&app, request.headers(), &refused),
    }
}

async fn admit_person(
    app: &App,
    request: &mut Request,
    roles: Option<&[super::Role]>,
) -> Result<(), ApiError> {
    let now = app.clock.now();
    let mut connection = app.db.acquire().await?;
    let caller = if let Some(key) = bearer(request.headers()) {
        Caller::by_access_key(&mut connection, key, now).await?
    } else if let Some(token) = cookie(request.headers(), COOKIE)
        && cookie_may(request)
    {
        Caller::by_session(&mut connection, token, now).await?
    } else {
        None
    };
    let caller = caller.ok_or_else(ApiError::not_logged_in)?;
    if let Some(roles) = roles
        && !roles.iter().any(|role| caller.is(*role))
    {
        return Err(ApiError::role_not_allowed(roles));
    }
    request.extensions_mut().insert(caller);
    Ok(())
}

async fn admit_node(app: &App, request: &mut Request) -> Result<(), ApiError> {
    let token = bearer(request.headers()).ok_or_else(ApiError::not_logged_in)?;
    let calling = sqlx::query_as!(
        CallingNode,
        "select node, cluster from broker.node_token where digest = $1",
        digest(token)
    );
    let calling = calling.fetch_optional(&app.db).await?.ok_or_else(ApiError::not_logged_in)?;
    request.extensions_mut().insert(calling);
    Ok(())
}

/// A cookie is sent by the browser itself, so it may only read, or end the session. Changes go
/// through the API with a key, which no foreign page can make a browser send.
fn cookie_may(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD) || request.uri().path() == "/logout"
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}
