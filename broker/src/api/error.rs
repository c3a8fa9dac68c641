//! Errors of the API: one place gives status, stable code and safe text.
//!
//! What the caller can mend is told in words; anything internal says "internal error" and the
//! request's id, and its cause goes to the log once, here.

use std::error::Error;

use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use quotas::admission::Refusal;
use serde_json::{Value, json};

use crate::accounts::AccountError;
use crate::auth::{Role, RoleError};
use crate::gateway::GatewayError;
use crate::plan::PlanError;
use crate::segment::SegmentError;

/// An answer that is not the one asked for.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    reasons: Vec<Value>,
}

impl ApiError {
    /// An error with its status, its stable code and a sentence that says what to do.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), reasons: Vec::new() }
    }

    /// Nobody is logged in.
    pub fn not_logged_in() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "not_logged_in",
            "log in first: `mimer login`, or send `Authorization: Bearer KEY` with a key that has \
             not expired",
        )
    }

    /// The person's roles do not open this route.
    pub fn role_not_allowed(roles: &[Role]) -> Self {
        let words: Vec<&str> = roles.iter().map(|role| role.word()).collect();
        let message = format!("this is for the role {}; you do not have it", words.join(" or "));
        Self::new(StatusCode::FORBIDDEN, "role_not_allowed", message)
    }

    /// Not there, or not theirs to see: both are told the same way.
    pub fn not_found(what: &'static str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("there is no such {what}, or it is not yours to see"),
        )
    }

    pub(crate) fn no_such_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "no_such_route", "there is nothing at this address")
    }

    pub(crate) fn route_not_in_table() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "route_not_in_table",
            "nobody may use this route: it is missing in the table of routes, which is a bug",
        )
    }

    pub(crate) fn is_not_logged_in(&self) -> bool {
        self.code == "not_logged_in"
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The status, for pages.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence, for pages.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The path is known, but not with this method.
    pub(crate) fn method_not_allowed(methods: &[&str]) -> Self {
        let message = format!("this address takes {} only", methods.join(" and "));
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    /// What PostgreSQL cannot keep although JSON can say it; `None` for every other failure.
    fn not_storable(error: &(dyn Error + 'static)) -> Option<Self> {
        let database = causes(error)
            .find_map(|cause| cause.downcast_ref::<sqlx::Error>())
            .and_then(sqlx::Error::as_database_error)?;
        let (code, message) = match database.code()?.as_ref() {
            "22021" => ("text_not_storable", "a text holds a NUL character; leave it out"),
            "22008" => ("time_out_of_range", "a time lies outside the calendar; check the year"),
            _ => return None,
        };
        Some(Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message))
    }

    /// Something of ours failed: say so, log why.
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        let request_id = record::id::fresh();
        tracing::error!(request.id = %request_id, error = chain(error), "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("internal error; give the operator this id: {request_id}"),
        )
    }

    /// The database is away for a moment. A connection that broke at the commit leaves open whether
    /// the change was made; every change may be sent again with its id.
    fn database_busy(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error = chain(error), "PostgreSQL does not answer");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database_unavailable",
            "the database does not answer now; send the same again in a moment, with the same id",
        )
    }

    /// A domain error with its stable code; a database failure below it makes it internal.
    fn domain(code: &'static str, error: &(dyn Error + 'static)) -> Self {
        if let Some(Some(cause)) =
            causes(error).map(|cause| cause.downcast_ref::<sqlx::Error>()).find(Option::is_some)
            && passes(cause)
        {
            return Self::database_busy(error);
        }
        let internal = code == "internal"
            || code.ends_with("_database")
            || code.ends_with("_inconsistent")
            || causes(error).any(|cause| cause.is::<sqlx::Error>());
        if internal {
            return Self::not_storable(error).unwrap_or_else(|| Self::internal(error));
        }
        Self::new(status_of(code), code, chain(error))
    }
}

/// The status of a refusal, by the kind of its code.
fn status_of(code: &str) -> StatusCode {
    let starts = |words: &[&str]| words.iter().any(|word| code.starts_with(word));
    let ends = |words: &[&str]| words.iter().any(|word| code.ends_with(word));
    if code == "permit_missing" {
        StatusCode::CONFLICT // The same as when a job plan lacks one.
    } else if starts(&["no_such_"]) || ends(&["_unknown"]) {
        StatusCode::NOT_FOUND
    } else if starts(&["not_the_", "self_approval", "operator_cannot"])
        || ends(&["_cannot_be_member"])
    {
        StatusCode::FORBIDDEN
    } else if ends(&["_missing", "_empty", "_backward", "_incomplete", "_malformed", "_not_valid"])
        || matches!(code, "link_source_path" | "link_bounds")
    {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::CONFLICT
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

fn chain(error: &(dyn Error + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code, "message": self.message });
        if !self.reasons.is_empty() {
            error["reasons"] = Value::Array(self.reasons);
        }
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}

macro_rules! domain_errors {
    ($($error:ty),+ $(,)?) => {$(
        impl From<$error> for ApiError {
            fn from(error: $error) -> Self {
                Self::domain(error.code(), &error)
            }
        }
    )+};
}

domain_errors!(
    quotas::agency::AgencyError,
    quotas::project::ProjectError,
    quotas::fund::FundError,
    quotas::pool::PoolError,
    quotas::request::RequestError,
    quotas::decision::DecideError,
    quotas::permit::PermitError,
    quotas::name::NameError,
    accounting::rate_card::RateError,
    accounting::ledger::LedgerError,
    accounting::hold::PlaceError,
    accounting::charge::ChargeError,
    accounting::invoice::InvoiceError,
    staging::environment::EnvironmentError,
    staging::link::OpenError,
    staging::link::LinkError,
);

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        if passes(&error) {
            return Self::database_busy(&error);
        }
        Self::not_storable(&error).unwrap_or_else(|| Self::internal(&error))
    }
}

/// True for a fault of the database that passes: it is away, is being stopped, or broke off one of
/// two transactions that stood in each other's way.
fn passes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => true,
        // 40: serialization failure, deadlock. 53: out of connections. 57P: being stopped.
        sqlx::Error::Database(told) => told.code().is_some_and(|code| {
            code.starts_with("40") || code.starts_with("53") || code.starts_with("57P")
        }),
        _ => false,
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let sentences: Vec<String> =
            refusal.reasons.iter().map(quotas::admission::Reason::sentence).collect();
        let reasons = refusal
            .reasons
            .iter()
            .map(|reason| json!({ "code": reason.code(), "sentence": reason.sentence() }))
            .collect();
        let status = match refusal.code() {
            "unknown_project" => StatusCode::NOT_FOUND,
            "not_a_member" => StatusCode::FORBIDDEN,
            "nothing_asked" => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::CONFLICT,
        };
        Self { status, code: refusal.code(), message: sentences.join(" "), reasons }
    }
}

impl From<PlanError> for ApiError {
    fn from(error: PlanError) -> Self {
        let (status, code) = match &error {
            PlanError::Refused(refusal) => return refusal.clone().into(),
            PlanError::Hold(place) => return Self::domain(place.code(), &error),
            PlanError::Snapshot(_) | PlanError::Database(_) => {
                return Self::domain("plan_database", &error);
            }
            PlanError::Account(AccountError::NoAccount { .. }) => {
                (StatusCode::CONFLICT, "no_posix_account")
            }
            PlanError::Account(_) => {
                tracing::error!(error = chain(&error), "the account list cannot be used");
                let message = "the site's list of POSIX accounts cannot be used; nothing was \
                    changed, tell the operator";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Self::new(status, "account_list_unusable", message);
            }
            PlanError::JobPlanIdReused(_) => (StatusCode::CONFLICT, "job_plan_id_reused"),
            PlanError::NoSuchLink(_) => (StatusCode::NOT_FOUND, "no_such_link"),
            PlanError::BadScript(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_script"),
            PlanError::BadName => (StatusCode::UNPROCESSABLE_ENTITY, "bad_job_name"),
            PlanError::SettingsWrong(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "slurm_settings_wrong")
            }
            PlanError::NoJobIds => (StatusCode::SERVICE_UNAVAILABLE, "no_job_ids"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<GatewayError> for ApiError {
    fn from(error: GatewayError) -> Self {
        tracing::warn!(error = chain(&error), "a call to Slurm failed");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "slurm_unavailable",
            "Slurm does not answer now; nothing was lost, try again in a minute",
        )
    }
}

impl From<SegmentError> for ApiError {
    fn from(error: SegmentError) -> Self {
        let (status, code) = match &error {
            SegmentError::OtherNode { .. } => (StatusCode::FORBIDDEN, "other_node"),
            SegmentError::TooMany => (StatusCode::UNPROCESSABLE_ENTITY, "too_many_segments"),
            SegmentError::NotTheSame { .. } => (StatusCode::CONFLICT, "segment_not_the_same"),
            SegmentError::OutOfRange { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "segment_out_of_range")
            }
            SegmentError::Database(_) => return Self::domain("segment_database", &error),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<RoleError> for ApiError {
    fn from(error: RoleError) -> Self {
        match error {
            RoleError::MustStayApart { .. } | RoleError::OtherAgency { .. } => {
                Self::new(StatusCode::CONFLICT, "roles_must_stay_apart", error.to_string())
            }
            RoleError::AgencyMismatch => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "role_agency_mismatch",
                error.to_string(),
            ),
            RoleError::Database(_) => Self::domain("role_database", &error),
        }
    }
}

macro_rules! rejections {
    ($($rejection:ty => $code:literal),+ $(,)?) => {$(
        impl From<$rejection> for ApiError {
            fn from(rejection: $rejection) -> Self {
                let code = match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
                    _ => $code,
                };
                Self::new(rejection.status(), code, rejection.body_text())
            }
        }
    )+};
}

rejections!(
    JsonRejection => "malformed_json",
    PathRejection => "malformed_address",
    QueryRejection => "malformed_query",
    FormRejection => "malformed_form",
);
