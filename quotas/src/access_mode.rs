//! Access modes: the ways to ask for time of a fund (short, medium, large), with their bounds.
//!
//! Modes are data. A request that names one stays between its bounds, and the grant that follows is
//! drawn from its fund and never raised above its most. A day is a day in Sweden.

use chrono::{DateTime, Days, TimeDelta, TimeZone, Utc};
use chrono_tz::Europe::Stockholm;
use record::GpuSeconds;
use serde::Serialize;
use uuid::Uuid;

mod store;

pub(crate) use store::by_id;
pub use store::{create, list_for_fund};

/// The longest that a mode may allow.
pub const LONGEST_DAYS: i64 = 3_660;

/// A way to ask for time of a fund.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessMode {
    /// Chosen by the client.
    pub access_mode_id: Uuid,
    /// Of which fund.
    pub fund_id: Uuid,
    /// What people call it, unique within the fund.
    pub name: String,
    /// The least that may be asked for.
    pub min_gpu_seconds: GpuSeconds,
    /// The most that may be asked for, and had.
    pub max_gpu_seconds: GpuSeconds,
    /// The longest period, in days.
    pub max_days: i64,
    /// Who laid it down; `None` when a program did.
    pub created_by: Option<Uuid>,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// An access mode to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccessMode {
    /// Chosen by the client; repeating a request with the same id changes nothing.
    pub access_mode_id: Uuid,
    /// Of which fund.
    pub fund_id: Uuid,
    /// What people call it ("short").
    pub name: String,
    /// The least that may be asked for; more than nothing.
    pub min_gpu_seconds: GpuSeconds,
    /// The most that may be asked for.
    pub max_gpu_seconds: GpuSeconds,
    /// The longest period, in days; 1 to [`LONGEST_DAYS`].
    pub max_days: i64,
}

/// Why an access mode was not created.
#[derive(Debug, thiserror::Error)]
pub enum AccessModeError {
    /// The fund is not known.
    #[error("fund {0} does not exist; create it first")]
    NoSuchFund(Uuid),
    /// The id belongs to another mode.
    #[error("access mode id {0} was used before for another mode; choose a new id")]
    AccessModeIdReused(Uuid),
    /// The fund has a mode of that name.
    #[error("fund {fund_id} has an access mode `{name}` already; choose another name")]
    AccessModeNameTaken {
        /// The fund.
        fund_id: Uuid,
        /// The name.
        name: String,
    },
    /// The name is empty.
    #[error("access mode {0} has no name; give one that applicants understand")]
    AccessModeNameMissing(Uuid),
    /// The bounds are no range.
    #[error(
        "access mode {0} has bounds that nothing fits; give at least 1 GPU-second, the lower bound \
         first, and 1 to 3660 days"
    )]
    AccessModeBoundsNotARange(Uuid),
    /// The database refused or could not be reached.
    #[error("reading or writing access modes")]
    Database(#[from] sqlx::Error),
}

impl AccessModeError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSuchFund(_) => "no_such_fund",
            Self::AccessModeIdReused(_) => "access_mode_id_reused",
            Self::AccessModeNameTaken { .. } => "access_mode_name_taken",
            Self::AccessModeNameMissing(_) => "access_mode_name_missing",
            Self::AccessModeBoundsNotARange(_) => "access_mode_bounds_not_a_range",
            Self::Database(_) => "quotas_database",
        }
    }
}

impl AccessMode {
    /// Whether so much may be asked for.
    pub fn allows(&self, gpu_seconds: GpuSeconds) -> bool {
        (self.min_gpu_seconds..=self.max_gpu_seconds).contains(&gpu_seconds)
    }

    /// The latest end of a period that begins at `from`: so many days later, by Swedish clocks.
    pub fn latest_end(&self, from: DateTime<Utc>) -> DateTime<Utc> {
        let days = u64::try_from(self.max_days).unwrap_or(0);
        let same_time =
            from.with_timezone(&Stockholm).naive_local().checked_add_days(Days::new(days));
        let on_the_clock =
            same_time.and_then(|local| Stockholm.from_local_datetime(&local).latest());
        // A time that the spring night leaves out: as many whole days of 24 hours.
        let whole_days =
            || TimeDelta::try_days(self.max_days).and_then(|days| from.checked_add_signed(days));
        on_the_clock
            .map(|end| end.with_timezone(&Utc))
            .or_else(whole_days)
            .unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_days(max_days: i64) -> AccessMode {
        AccessMode {
            access_mode_id: Uuid::nil(),
            fund_id: Uuid::nil(),
            name: "short".to_owned(),
            min_gpu_seconds: GpuSeconds::new(10).unwrap(),
            max_gpu_seconds: GpuSeconds::new(20).unwrap(),
            max_days,
            created_by: None,
            created_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_day_is_a_day_in_sweden() {
        let end = |from: &str, days| of_days(days).latest_end(from.parse().unwrap()).to_rfc3339();
        assert_eq!(end("2027-07-01T10:00:00Z", 30), "2027-07-31T10:00:00+00:00");
        assert_eq!(end("2027-10-30T10:00:00Z", 2), "2027-11-01T11:00:00+00:00", "25 hours in one");
        assert_eq!(end("2027-03-27T01:30:00Z", 1), "2027-03-28T01:30:00+00:00", "a left-out hour");
        assert_eq!(end("2027-10-30T00:30:00Z", 1), "2027-10-31T01:30:00+00:00", "a double hour");
    }

    #[test]
    fn both_bounds_are_within() {
        let mode = of_days(1);
        let allows = [9, 10, 20, 21].map(|time| mode.allows(GpuSeconds::new(time).unwrap()));
        assert_eq!(allows, [false, true, true, false]);
    }
}
