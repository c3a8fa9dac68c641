//! Calendar months in Europe/Stockholm, the only calendar of the product.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike, NaiveDate, TimeZone, Utc};
use chrono_tz::Europe::Stockholm;

/// One calendar month, written `2027-03`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    first_day: NaiveDate,
}

/// The text is not a month.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a month; write it as 2027-03")]
pub struct NotAMonth(String);

impl Month {
    /// The month that `instant` falls in, by the clocks of Stockholm.
    pub fn of(instant: DateTime<Utc>) -> Self {
        let day = instant.with_timezone(&Stockholm).date_naive();
        Self { first_day: day.with_day(1).expect("every month has a first day") }
    }

    /// The month whose first day is `day`, or `None` if `day` is another day.
    pub fn starting(day: NaiveDate) -> Option<Self> {
        (day.day() == 1).then_some(Self { first_day: day })
    }

    /// The month's first day, which is how the database keeps a month.
    pub fn first_day(self) -> NaiveDate {
        self.first_day
    }

    /// The month after this one.
    pub fn next(self) -> Self {
        let next = self.first_day + chrono::Months::new(1);
        Self { first_day: next }
    }

    /// The instant the month begins.
    pub fn begins(self) -> DateTime<Utc> {
        let midnight = self.first_day.and_hms_opt(0, 0, 0).expect("midnight is a time");
        Stockholm
            .from_local_datetime(&midnight)
            .earliest()
            .expect("summer time never starts at midnight in Stockholm")
            .with_timezone(&Utc)
    }

    /// The instant the month is over, which belongs to the next.
    pub fn ends(self) -> DateTime<Utc> {
        self.next().begins()
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first_day.year(), self.first_day.month())
    }
}

impl FromStr for Month {
    type Err = NotAMonth;

    fn from_str(text: &str) -> Result<Self, NotAMonth> {
        NaiveDate::parse_from_str(&format!("{text}-01"), "%Y-%m-%d")
            .ok()
            .and_then(Self::starting)
            .ok_or_else(|| NotAMonth(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hour_of_new_year_belongs_to_january_in_stockholm() {
        let instant = "2026-12-31T23:30:00Z".parse().unwrap();
        assert_eq!(Month::of(instant).to_string(), "2027-01");
    }

    #[test]
    fn march_is_an_hour_short() {
        let march: Month = "2027-03".parse().unwrap();
        assert_eq!((march.ends() - march.begins()).num_hours(), 31 * 24 - 1);
    }
}
