//! Errors of the API: one place gives status, stable code and safe text.
//!
//! What the caller can mend is told in words; anything internal says "internal error" and the
//! request's id, and its cause goes to the log once, here. Where errors come from stands in the files
//! below: the other crates, this crate, an admission that is refused, a request that cannot be read.

use std::error::Error;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::auth::Role;

mod below;
mod broker;
mod refusal;
mod rejection;

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
        || ends(&["_cannot_be_member", "_same_person"])
    {
        StatusCode::FORBIDDEN
    } else if ends(&["_missing", "_empty", "_backward", "_incomplete", "_malformed", "_not_valid"])
        || ends(&["_not_a_range", "_not_a_part", "_not_a_share", "_twice", "_too_many"])
        || matches!(code, "link_source_path" | "link_bounds" | "pool_over_allocation_out_of_range")
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
