//! The errors of this crate's own parts: Slurm's gateway, the nodes' segments, roles, accounts.

use axum::http::StatusCode;

use super::{ApiError, chain};
use crate::accounts::AccountError;
use crate::auth::RoleError;
use crate::gateway::GatewayError;
use crate::plan::wish::WishError;
use crate::script_start::StartsError;
use crate::segment::SegmentError;

impl From<AccountError> for ApiError {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::NoAccount { .. } => {
                Self::new(StatusCode::CONFLICT, "no_posix_account", error.to_string())
            }
            AccountError::Unreadable(..) | AccountError::Malformed(..) => {
                tracing::error!(error = chain(&error), "the account list cannot be used");
                let message = "the site's list of POSIX accounts cannot be used; nothing was \
                    changed, tell the operator";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Self::new(status, "account_list_unusable", message)
            }
        }
    }
}

impl From<GatewayError> for ApiError {
    fn from(error: GatewayError) -> Self {
        tracing::warn!(error = chain(&error), "a call to Slurm failed");
        if let GatewayError::NotConfigured(_) = error {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Self::new(status, "cluster_not_configured", error.to_string());
        }
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

impl From<WishError> for ApiError {
    fn from(error: WishError) -> Self {
        match error {
            WishError::NoSuchPlan(_) => Self::not_found("job plan"),
            error => Self::domain(error.code(), &error),
        }
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

impl From<StartsError> for ApiError {
    fn from(error: StartsError) -> Self {
        let status = match error {
            StartsError::OtherNode { .. } => StatusCode::FORBIDDEN,
            StartsError::TooMany { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            StartsError::Database(_) => return Self::domain(error.code(), &error),
        };
        Self::new(status, error.code(), error.to_string())
    }
}
