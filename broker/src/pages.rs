//! The web pages: HTML first, no JavaScript, behind the same gate as the API.
//!
//! Here a route reads a view and renders it; what stands on a page is the `dashboards` crate's.

mod frame;
mod quota;
mod session;
mod show;
mod why;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{get, post};

use crate::app::App;

pub(crate) use frame::problem;

/// The routes of the pages.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/", get(show::home))
        .route("/login", get(session::login_form).post(session::log_in))
        .route("/logout", post(session::log_out))
        .route("/language/{tag}", get(session::choose_language))
        .route("/projects/{project_id}", get(show::project))
        .route("/projects/{project_id}/why", get(why::project))
        .route("/jobs/{job_plan_id}", get(show::job))
        .route("/jobs/{job_plan_id}/why", get(why::job))
        .route("/agencies/{agency_id}", get(quota::agency))
        .route("/funds/{fund_id}", get(quota::fund))
        .route("/crises/{crisis_id}", get(quota::crisis))
        .route("/operator", get(show::operator))
        .route("/finance", get(show::finance))
        .route("/style.css", get(style))
        .route("/icon.svg", get(icon))
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], dashboards::STYLE)
}

async fn icon() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "image/svg+xml")], dashboards::ICON)
}
