//! The stretch of time that is compared, cut into the days of Stockholm.

use chrono::{DateTime, Days, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Europe::Stockholm;

/// How far back is compared if nobody says: more than a month, so that a month that has just ended
/// is always in it whole.
const DEFAULT_DAYS: u64 = 35;

/// The longest stretch: each day is a question to slurmdbd, which serves others too.
const MOST_DAYS: i64 = 100;

/// The gateway answers for at most so long a stretch at once; a day that has 25 hours is cut.
const LONGEST_SLICE: TimeDelta = TimeDelta::hours(24);

/// A stretch of time, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

/// Why a stretch cannot be compared.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StretchError {
    /// It ends before it begins.
    #[error("from {from} until {until} is no stretch of time; give an earlier `from`")]
    Backward {
        /// Where it would begin.
        from: DateTime<Utc>,
        /// Where it would end, or now.
        until: DateTime<Utc>,
    },
    /// It is longer than slurmdbd should be asked for.
    #[error("{days} days are too many to compare at once; compare at most 100 days")]
    TooLong {
        /// How many days.
        days: i64,
    },
}

impl StretchError {
    /// The stable code of the API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Backward { .. } => "reconcile_backward",
            Self::TooLong { .. } => "reconcile_days_too_many",
        }
    }
}

impl Stretch {
    /// From `from`, or 35 days back from midnight in Stockholm, until `until` or now.
    pub fn of(
        from: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<Self, StretchError> {
        let until = whole_second(until.map_or(now, |until| until.min(now)));
        let from = whole_second(from.unwrap_or_else(|| days_before(until)));
        if from >= until {
            return Err(StretchError::Backward { from, until });
        }
        let days = (until - from).num_days();
        if days > MOST_DAYS {
            return Err(StretchError::TooLong { days });
        }
        Ok(Self { from, until })
    }

    /// The first instant.
    pub fn from(&self) -> DateTime<Utc> {
        self.from
    }

    /// The instant after the last.
    pub fn until(&self) -> DateTime<Utc> {
        self.until
    }

    /// Whether an instant lies in it.
    pub(super) fn has(&self, at: DateTime<Utc>) -> bool {
        self.from <= at && at < self.until
    }

    /// The stretch cut at each midnight of Stockholm.
    pub(super) fn slices(&self) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let mut slices = Vec::new();
        let mut from = self.from;
        while from < self.until {
            let until = next_midnight(from).min(from + LONGEST_SLICE).min(self.until);
            slices.push((from, until));
            from = until;
        }
        slices
    }

    /// The whole hours in it, which are what slurmdbd adds up; `None` if there is none.
    ///
    /// Stockholm's hours begin when hours begin in UTC, in summer and in winter.
    pub(super) fn whole_hours(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let from = match hour_of(self.from) {
            hour if hour == self.from => hour,
            hour => hour + TimeDelta::hours(1),
        };
        let until = hour_of(self.until);
        (from < until).then_some((from, until))
    }
}

fn whole_second(at: DateTime<Utc>) -> DateTime<Utc> {
    at.with_nanosecond(0).unwrap_or(at)
}

fn hour_of(at: DateTime<Utc>) -> DateTime<Utc> {
    at.with_minute(0).and_then(|at| at.with_second(0)).unwrap_or(at)
}

/// Midnight in Stockholm, [`DEFAULT_DAYS`] before.
fn days_before(until: DateTime<Utc>) -> DateTime<Utc> {
    let day = until.with_timezone(&Stockholm).date_naive();
    midnight_of(day.checked_sub_days(Days::new(DEFAULT_DAYS)).unwrap_or(day))
}

/// The first midnight in Stockholm after an instant.
fn next_midnight(at: DateTime<Utc>) -> DateTime<Utc> {
    let day = at.with_timezone(&Stockholm).date_naive();
    day.succ_opt().map_or(DateTime::<Utc>::MAX_UTC, midnight_of)
}

fn midnight_of(day: chrono::NaiveDate) -> DateTime<Utc> {
    Stockholm
        .from_local_datetime(&day.and_time(NaiveTime::MIN))
        .earliest()
        .expect("summer time never starts at midnight in Stockholm")
        .with_timezone(&Utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn stretch(from: &str, until: &str) -> Stretch {
        Stretch::of(Some(at(from)), Some(at(until)), at("2028-01-01T00:00:00Z")).unwrap()
    }

    #[test]
    fn nobody_says_and_it_is_the_last_35_days_from_midnight_in_stockholm() {
        let stretch = Stretch::of(None, None, at("2027-04-20T10:00:00.7Z")).unwrap();
        // The 16th of March is still in winter time, one hour before UTC.
        assert_eq!(stretch.from(), at("2027-03-15T23:00:00Z"));
        assert_eq!(stretch.until(), at("2027-04-20T10:00:00Z"));
        // A day is a question; the day that is not over is one too.
        assert_eq!(stretch.slices().len(), 36);
    }

    #[test]
    fn days_are_cut_at_midnight_in_summer_and_in_winter() {
        let spring = stretch("2027-03-27T23:00:00Z", "2027-03-29T22:00:00Z");
        let hours = |it: &Stretch| -> Vec<i64> {
            it.slices().iter().map(|(from, until)| (*until - *from).num_hours()).collect()
        };
        assert_eq!(hours(&spring), [23, 24], "the clocks go forward on the 28th of March 2027");
        let autumn = stretch("2027-10-30T22:00:00Z", "2027-11-01T23:00:00Z");
        assert_eq!(hours(&autumn), [24, 1, 24], "the 31st of October 2027 has 25 hours");
        let slices = autumn.slices();
        assert!(slices.windows(2).all(|pair| pair[0].1 == pair[1].0), "nothing between them");
    }

    #[test]
    fn a_month_of_stockholm_is_its_own_days() {
        let october = record::Month::of(at("2027-10-15T00:00:00Z"));
        let whole =
            Stretch::of(Some(october.begins()), Some(october.ends()), at("2028-01-01T00:00:00Z"));
        let whole = whole.unwrap();
        assert_eq!(whole.slices().len(), 32, "31 days, and the one hour more");
        assert!(whole.has(october.begins()) && !whole.has(october.ends()));
    }

    #[test]
    fn only_whole_hours_are_added_up() {
        let whole = stretch("2027-05-01T10:00:00Z", "2027-05-01T12:59:59Z").whole_hours();
        assert_eq!(whole, Some((at("2027-05-01T10:00:00Z"), at("2027-05-01T12:00:00Z"))));
        assert_eq!(stretch("2027-05-01T10:00:01Z", "2027-05-01T11:59:59Z").whole_hours(), None);
    }

    #[test]
    fn what_is_no_stretch_is_refused_by_name() {
        let now = at("2027-05-01T10:00:00Z");
        let backward = Stretch::of(Some(now), None, now).unwrap_err();
        assert_eq!(backward.code(), "reconcile_backward");
        let long = Stretch::of(Some(now - TimeDelta::days(101)), None, now).unwrap_err();
        assert_eq!(long, StretchError::TooLong { days: 101 });
        // What has not happened yet is not compared.
        let ahead = Stretch::of(None, Some(now + TimeDelta::days(9)), now).unwrap();
        assert_eq!(ahead.until(), now);
    }
}
