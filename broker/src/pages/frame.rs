//! What surrounds a page: language, person, headers, and the page for a refusal.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use dashboards::page::problem::{self as problem_page, ProblemView};
use dashboards::{CONTENT_SECURITY_POLICY, Frame, Language};
use maud::Markup;
use sqlx::PgConnection;

use crate::api::ApiError;
use crate::app::App;
use crate::auth::{Caller, cookie};

/// Name of the cookie that remembers a chosen language.
pub(super) const LANGUAGE_COOKIE: &str = "mimer_language";

/// The language the reader chose, else the browser's.
pub(super) fn language(headers: &HeaderMap) -> Language {
    if let Some(chosen) = cookie(headers, LANGUAGE_COOKIE).and_then(Language::from_tag) {
        return chosen;
    }
    let wish = headers.get(header::ACCEPT_LANGUAGE).and_then(|wish| wish.to_str().ok());
    wish.map_or(Language::English, Language::from_header)
}

/// The frame of a page that needs no login.
pub(super) fn open_frame(app: &App, headers: &HeaderMap) -> Frame {
    Frame {
        language: language(headers),
        simulated: app.config.simulated.clone(),
        ..Frame::default()
    }
}

/// The frame of a page for somebody who is logged in.
///
/// It is read over the page's own connection: a page that waited for a second one while it holds
/// the first could wait for itself.
pub(super) async fn frame(
    tx: &mut PgConnection,
    app: &App,
    headers: &HeaderMap,
    caller: &Caller,
) -> Result<Frame, sqlx::Error> {
    let person = record::person::by_id(tx, caller.person_id).await?;
    Ok(Frame {
        person_name: person.and_then(|person| person.name.or(person.login)),
        roles: caller.roles.iter().map(|held| held.role.word().to_owned()).collect(),
        agency_ids: caller.roles.iter().filter_map(|held| held.agency_id).collect(),
        ..open_frame(app, headers)
    })
}

/// A rendered page as an answer.
pub(super) fn page(markup: Markup) -> Response {
    with_headers(Html(markup.into_string()).into_response())
}

/// The refusal as a page, for people in a browser.
pub(crate) fn problem(app: &App, headers: &HeaderMap, refused: &ApiError) -> Response {
    let view = ProblemView {
        status: refused.status().as_u16(),
        code: refused.code().to_owned(),
        detail: Some(refused.message().to_owned()),
        request_id: String::new(),
    };
    let markup = problem_page::render(&view, &open_frame(app, headers));
    let mut response = page(markup);
    *response.status_mut() = refused.status();
    response
}

/// Headers every page carries: no script, no framing, nothing cached on shared machines.
fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
