//! Logging in and out in a browser, and choosing a language.

use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use dashboards::Language;
use dashboards::page::login::{self, LoginView};
use serde::Deserialize;

use super::frame::{LANGUAGE_COOKIE, open_frame, page, problem};
use crate::api::{ApiError, Path};
use crate::app::App;
use crate::auth::{AccessKey, COOKIE, Caller, cookie, digest};

/// The form.
pub(super) async fn login_form(State(app): State<App>, headers: HeaderMap) -> Response {
    page(login::render(&LoginView::default(), &open_frame(&app, &headers)))
}

#[derive(Deserialize)]
pub(super) struct Typed {
    login: String,
    access_key: String,
}

/// Opens a session if login and key belong together.
pub(super) async fn log_in(
    State(app): State<App>,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let caller = Caller::by_access_key(&mut tx, &typed.access_key, now).await?;
    let person = record::person::by_login(&mut tx, typed.login.trim()).await?;
    let known = match (&caller, &person) {
        (Some(caller), Some(person)) => caller.person_id == person.person_id,
        _ => false,
    };
    let Some(caller) = caller.filter(|_| known) else {
        // Which of the two was wrong is not told.
        let view = LoginView { login: typed.login, failed: true };
        let mut response = page(login::render(&view, &open_frame(&app, &headers)));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(response);
    };
    let session = AccessKey::draw();
    session.keep_for_session(&mut tx, caller.person_id, now).await?;
    let stamp = caller.stamp(now, None);
    let details = serde_json::json!({});
    stamp.audit(&mut tx, "session.open", ("person", caller.person_id), details).await?;
    tx.commit().await?;
    let set = format!("{COOKIE}={}; Path=/; HttpOnly; Secure; SameSite=Strict", session.reveal());
    Ok(([(header::SET_COOKIE, set)], Redirect::to("/")).into_response())
}

/// Ends the session here and in the browser.
pub(super) async fn log_out(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(token) = cookie(&headers, COOKIE) {
        sqlx::query!("delete from broker.session where digest = $1", digest(token))
            .execute(&app.db)
            .await?;
    }
    let gone = format!("{COOKIE}=; Path=/; HttpOnly; Secure; SameSite=Strict; Max-Age=0");
    Ok(([(header::SET_COOKIE, gone)], Redirect::to("/login")).into_response())
}

/// Remembers a language and goes back to the page the reader came from.
pub(super) async fn choose_language(
    State(app): State<App>,
    headers: HeaderMap,
    Path(tag): Path<String>,
) -> Response {
    let Some(language) = Language::from_tag(&tag) else {
        return problem(&app, &headers, &ApiError::not_found("language"));
    };
    let set = format!(
        "{LANGUAGE_COOKIE}={}; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=31536000",
        language.tag()
    );
    ([(header::SET_COOKIE, set)], Redirect::to(&came_from(&headers))).into_response()
}

/// The path of the page before, on this server only.
fn came_from(headers: &HeaderMap) -> String {
    let referer = headers.get(header::REFERER).and_then(|referer| referer.to_str().ok());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (referer, host) {
        (Some(referer), Some(host)) => referer
            .strip_prefix("https://")
            .and_then(|rest| rest.strip_prefix(host))
            .filter(|path| path.starts_with('/') && !path.starts_with("//"))
            .unwrap_or("/")
            .to_owned(),
        _ => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_server() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "mimer.example".parse().unwrap());
        headers.insert(header::REFERER, "https://mimer.example/finance".parse().unwrap());
        assert_eq!(came_from(&headers), "/finance");
        for evil in ["https://evil.example/x", "https://mimer.example//evil.example"] {
            headers.insert(header::REFERER, evil.parse().unwrap());
            assert_eq!(came_from(&headers), "/");
        }
    }
}
