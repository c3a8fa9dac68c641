//! The pages behind the login.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use dashboards::page;
use dashboards::read::operator::{ReadOperator, SettingFault, SettingsCheck};
use dashboards::read::{self, Reader, home::ReadHome};
use record::Month;
use serde::Deserialize;
use slurm_wire::{Answer, Call};
use sqlx::PgConnection;
use uuid::Uuid;

use super::frame::{frame, page as answer, problem};
use crate::api::{ApiError, Path, Query, parse_month, visible_project};
use crate::app::App;
use crate::auth::{Caller, Role};

/// `/`
pub(super) async fn home(State(app): State<App>, headers: HeaderMap, caller: Caller) -> Response {
    let shown = async {
        let mut tx = app.db.begin().await?;
        let ask = ReadHome {
            person_id: caller.person_id,
            decides: caller.is(Role::Decider),
            oversees: oversees(&caller),
            now: app.clock.now(),
        };
        let view = read::home::read(&mut tx, ask).await?;
        Ok(answer(page::home::render(&view, &frame(&mut tx, &app, &headers, &caller).await?)))
    };
    or_problem(&app, &headers, shown.await)
}

/// `/projects/{project_id}`
pub(super) async fn project(
    State(app): State<App>,
    headers: HeaderMap,
    caller: Caller,
    Path(project_id): Path<String>,
) -> Response {
    let shown = async {
        let project_id = id_in_address(&project_id, "project")?;
        let mut tx = app.db.begin().await?;
        visible_project(&mut tx, &caller, project_id).await?;
        let reader = reader(&mut tx, &caller, project_id).await?;
        let view = read::project::read(&mut tx, project_id, reader, app.clock.now()).await?;
        let view = view.ok_or_else(|| ApiError::not_found("project"))?;
        Ok(answer(page::project::render(&view, &frame(&mut tx, &app, &headers, &caller).await?)))
    };
    or_problem(&app, &headers, shown.await)
}

/// `/jobs/{job_plan_id}`
pub(super) async fn job(
    State(app): State<App>,
    headers: HeaderMap,
    caller: Caller,
    Path(job_plan_id): Path<String>,
) -> Response {
    let shown = async {
        let job_plan_id = id_in_address(&job_plan_id, "job plan")?;
        let mut tx = app.db.begin().await?;
        let plan = visible_plan(&mut tx, &caller, job_plan_id).await?;
        let view = read::job::read(&mut tx, job_plan_id, plan.reader, app.clock.now()).await?;
        let view = view.ok_or_else(|| ApiError::not_found("job plan"))?;
        Ok(answer(page::job::render(&view, &frame(&mut tx, &app, &headers, &caller).await?)))
    };
    or_problem(&app, &headers, shown.await)
}

/// `/operator`
pub(super) async fn operator(
    State(app): State<App>,
    headers: HeaderMap,
    caller: Caller,
) -> Response {
    let shown = async {
        let settings = settings(&app).await;
        let tables = crate::duty::sealed_tables();
        let mut tx = app.db.begin().await?;
        let ask = ReadOperator { settings, sealed_tables: &tables, now: app.clock.now() };
        let view = read::operator::read(&mut tx, ask).await?;
        Ok(answer(page::operator::render(&view, &frame(&mut tx, &app, &headers, &caller).await?)))
    };
    or_problem(&app, &headers, shown.await)
}

#[derive(Deserialize)]
pub(super) struct Period {
    month: Option<String>,
}

/// `/finance?month=2027-03`
pub(super) async fn finance(
    State(app): State<App>,
    headers: HeaderMap,
    caller: Caller,
    Query(period): Query<Period>,
) -> Response {
    let shown = async {
        let month = match period.month.as_deref() {
            Some(text) => parse_month(text)?,
            None => Month::of(app.clock.now()),
        };
        let mut tx = app.db.begin().await?;
        let view = read::finance::read(&mut tx, month).await?;
        Ok(answer(page::finance::render(&view, &frame(&mut tx, &app, &headers, &caller).await?)))
    };
    or_problem(&app, &headers, shown.await)
}

/// A plan that the caller may see.
pub(super) struct VisiblePlan {
    /// Who planned it.
    pub(super) person_id: Uuid,
    /// What of it the caller may see.
    pub(super) reader: Reader,
}

/// The plan, if the caller may see its project; else there is no such plan.
pub(super) async fn visible_plan(
    tx: &mut PgConnection,
    caller: &Caller,
    job_plan_id: Uuid,
) -> Result<VisiblePlan, ApiError> {
    let not_found = || ApiError::not_found("job plan");
    let plan = sqlx::query!(
        "select project_id, person_id from broker.job_plan where job_plan_id = $1",
        job_plan_id
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or_else(not_found)?;
    visible_project(tx, caller, plan.project_id).await.map_err(|_| not_found())?;
    let reader = reader(tx, caller, plan.project_id).await?;
    Ok(VisiblePlan { person_id: plan.person_id, reader })
}

/// True for who sees the whole tree of funds, pools and limits.
pub(super) fn oversees(caller: &Caller) -> bool {
    [Role::Operator, Role::Decider, Role::Finance].iter().any(|role| caller.is(*role))
}

/// An address with something else than an id leads nowhere.
pub(super) fn id_in_address(text: &str, what: &'static str) -> Result<Uuid, ApiError> {
    text.parse().map_err(|_| ApiError::not_found(what))
}

/// Members see scripts and names of jobs; everybody else who may open the page does not.
async fn reader(
    tx: &mut PgConnection,
    caller: &Caller,
    project_id: Uuid,
) -> Result<Reader, sqlx::Error> {
    let is_member = quotas::project::is_member(tx, project_id, caller.person_id).await?;
    Ok(if is_member { Reader::Member } else { Reader::Outsider })
}

/// Every cluster's settings, asked for at once: a silent one keeps nobody waiting twice.
async fn settings(app: &App) -> Vec<(String, SettingsCheck)> {
    let asked: Vec<_> = app
        .each()
        .into_iter()
        .map(|here| (here.cluster.name.clone(), tokio::spawn(settings_of(here))))
        .collect();
    let mut settings = Vec::new();
    for (name, asked) in asked {
        let check = asked.await.unwrap_or_else(|no| SettingsCheck::NotChecked(no.to_string()));
        settings.push((name, check));
    }
    settings
}

/// Slurm's settings as the gateway sees them now; a silent gateway is told, not hidden.
async fn settings_of(app: App) -> SettingsCheck {
    match app.gateway.call(&Call::CheckSettings).await {
        Ok(Answer::Settings(faults)) => {
            let faults = faults.into_iter().map(|fault| SettingFault {
                setting: fault.setting,
                expected: fault.expected,
                actual: fault.actual,
                feature: fault.feature,
                sentence: fault.sentence,
            });
            SettingsCheck::Checked(faults.collect())
        }
        Ok(_) => SettingsCheck::NotChecked("the gateway answered out of turn".to_owned()),
        Err(error) => SettingsCheck::NotChecked(error.to_string()),
    }
}

pub(super) fn or_problem(
    app: &App,
    headers: &HeaderMap,
    shown: Result<Response, ApiError>,
) -> Response {
    shown.unwrap_or_else(|refused| problem(app, headers, &refused))
}
