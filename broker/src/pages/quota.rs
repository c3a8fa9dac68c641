//! The pages of the quota tree: agencies, funds and crises.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use dashboards::page;
use dashboards::read::{self, agency::ReadAgency};

use super::frame::{frame, page as answer};
use super::show::{id_in_address, or_problem, oversees};
use crate::api::{ApiError, Path};
use crate::app::App;
use crate::auth::Caller;

/// One instant for all figures of a page: a charge that comes in meanwhile must not look mixed.
const ONE_INSTANT: &str = "begin isolation level repeatable read read only";

/// `/agencies/{agency_id}`, for its members and for those who see all agencies.
pub(super) async fn agency(
    State(app): State<App>,
    headers: HeaderMap,
    caller: Caller,
    Path(agency_id): Path<String>,
) -> Response {
    let shown = async {
        let not_found = || ApiError::not_found("agency");
        let agency_id = id_in_address(&agency_id, "agency")?;
        let sees_all = oversees(&caller);
        if !sees_all && !caller.is_member_of(agency_id) {
            return Err(not_found());
        }
        let colleague = (!sees_all).then_some(caller.person_id);
        let mut tx = app.db.begin_with(ONE_INSTANT).await?;
        let ask = ReadAgency { agency_id, colleague, now: app.clock.now() };
        let view = read::agency::read(&mut tx, ask).await?.ok_or_else(not_found)?;
        Ok(answer(page::agency::render(&view, &frame(&mut tx, &app, &headers, &caller).await?)))
    };
    or_problem(&app, &headers, shown.await)
}

/// `/funds/{fund_id}`
pub(super) async fn fund(
    State(app): State<App>,
    headers: HeaderMap,
    caller: Caller,
    Path(fund_id): Path<String>,
) -> Response {
    let shown = async {
        let fund_id = id_in_address(&fund_id, "fund")?;
        let mut tx = app.db.begin_with(ONE_INSTANT).await?;
        let view = read::fund::read(&mut tx, fund_id, app.clock.now()).await?;
        let view = view.ok_or_else(|| ApiError::not_found("fund"))?;
        Ok(answer(page::fund::render(&view, &frame(&mut tx, &app, &headers, &caller).await?)))
    };
    or_problem(&app, &headers, shown.await)
}

/// `/crises/{crisis_id}`
pub(super) async fn crisis(
    State(app): State<App>,
    headers: HeaderMap,
    caller: Caller,
    Path(crisis_id): Path<String>,
) -> Response {
    let shown = async {
        let crisis_id = id_in_address(&crisis_id, "crisis")?;
        let mut tx = app.db.begin_with(ONE_INSTANT).await?;
        let view = read::crisis::read(&mut tx, crisis_id, app.clock.now()).await?;
        let view = view.ok_or_else(|| ApiError::not_found("crisis"))?;
        Ok(answer(page::crisis::render(&view, &frame(&mut tx, &app, &headers, &caller).await?)))
    };
    or_problem(&app, &headers, shown.await)
}
