//! Requests that could not be read at all.

use axum::extract::rejection::{FormRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;

use super::ApiError;

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
