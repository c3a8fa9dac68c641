//! The errors of the crates below: each says its own stable code, and its kind gives the status.

use super::ApiError;

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
    quotas::pool::share::ShareError,
    quotas::agency_share::AgencyShareError,
    quotas::access_mode::AccessModeError,
    quotas::grant_change::ChangeError,
    quotas::limit::use_limit::UseLimitError,
    quotas::limit::policy::PolicyError,
    quotas::limit::policy::TakenError,
    quotas::request::RequestError,
    quotas::decision::DecideError,
    quotas::permit::PermitError,
    quotas::name::NameError,
    accounting::rate_card::RateError,
    accounting::ledger::LedgerError,
    accounting::hold::PlaceError,
    accounting::overrun::OverrunError,
    accounting::charge::ChargeError,
    accounting::invoice::InvoiceError,
    staging::environment::EnvironmentError,
    staging::link::OpenError,
    staging::link::LinkError,
    crate::crisis::CrisisError,
    crate::exception::ExceptionError,
);
