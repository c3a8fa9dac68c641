//! Durations and instants as people write and read them, by the clocks of Stockholm.

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Europe::Stockholm;

/// The units of a duration, longest first, with their seconds.
const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Why a text is not a duration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    /// A number alone says nothing.
    #[error("`{0}` has no unit; write it as 90s, 30m, 2h30m or 1d")]
    NoUnit(String),
    /// Something else than numbers, each with a unit, longest first.
    #[error(
        "`{0}` is not a duration; write whole numbers with d, h, m or s, longest first, as 90s, \
         2h30m or 1d"
    )]
    NotADuration(String),
    /// More than fits.
    #[error("`{0}` is longer than the broker can count")]
    TooLong(String),
}

/// Reads a duration into seconds, as `90s`, `2h30m` or `1d`.
pub(crate) fn duration_s(text: &str) -> Result<i64, DurationError> {
    let malformed = || DurationError::NotADuration(text.to_owned());
    let too_long = || DurationError::TooLong(text.to_owned());
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DurationError::NoUnit(text.to_owned()));
    }
    let mut units = UNITS.iter();
    let mut total_s: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(malformed)?;
        let (number, tail) = rest.split_at(end);
        let unit = tail.chars().next().ok_or_else(malformed)?;
        // The search goes on where the last one stopped: a unit can neither repeat nor go back.
        let (_, unit_s) = units.find(|(sign, _)| *sign == unit).ok_or_else(malformed)?;
        if number.is_empty() {
            return Err(malformed());
        }
        let count: i64 = number.parse().map_err(|_| too_long())?;
        let part_s = count.checked_mul(*unit_s).ok_or_else(too_long)?;
        total_s = total_s.checked_add(part_s).ok_or_else(too_long)?;
        rest = &tail[unit.len_utf8()..];
    }
    if text.is_empty() { Err(malformed()) } else { Ok(total_s) }
}

/// Why a text is not an instant.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a date; write 2027-03-01 for midnight in Stockholm as that day begins, or \
     2027-03-01T08:00:00Z for an instant"
)]
pub(crate) struct NotAnInstant(String);

/// Reads an instant: a date means midnight in Stockholm as that day begins.
pub(crate) fn instant(text: &str) -> Result<DateTime<Utc>, NotAnInstant> {
    let not_an_instant = || NotAnInstant(text.to_owned());
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.with_timezone(&Utc));
    }
    // chrono alone would also take `27-3-1`, and mean the year 27.
    if text.len() != "2027-03-01".len() {
        return Err(not_an_instant());
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| not_an_instant())?;
    let midnight = Stockholm.from_local_datetime(&day.and_time(NaiveTime::MIN)).earliest();
    Ok(midnight.ok_or_else(not_an_instant)?.with_timezone(&Utc))
}

/// An instant by the clocks of Stockholm, as `2027-03-01 14:05:07`.
pub(crate) fn show(at: DateTime<Utc>) -> String {
    at.with_timezone(&Stockholm).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// An instant that may not have come.
pub(crate) fn show_if(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "-".to_owned(), show)
}

/// From the first instant to the end.
pub(crate) fn show_window(from: DateTime<Utc>, until: DateTime<Utc>) -> String {
    format!("{} to {}", show(from), show(until))
}

/// A duration as `duration_s` reads it.
pub(crate) fn show_duration(duration_s: i64) -> String {
    if duration_s <= 0 {
        return format!("{duration_s}s");
    }
    let mut text = String::new();
    let mut rest_s = duration_s;
    for (sign, unit_s) in UNITS {
        if rest_s >= unit_s {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}{sign}", rest_s / unit_s);
            rest_s %= unit_s;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, seconds) in [
            ("90s", 90),
            ("2h", 7_200),
            ("1d", 86_400),
            ("2h30m", 9_000),
            ("1d2h3m4s", 93_784),
            ("0s", 0),
            ("90m", 5_400),
        ] {
            assert_eq!(duration_s(text), Ok(seconds), "{text}");
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused() {
        assert_eq!(duration_s("90"), Err(DurationError::NoUnit("90".to_owned())));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "h", "2 h", "-2h", "30m2h", "2h2h", "1.5h", "2h30", "1w", "02:30:00", "2å", "h2"]
        {
            assert_eq!(
                duration_s(text),
                Err(DurationError::NotADuration(text.to_owned())),
                "{text}"
            );
        }
    }

    #[test]
    fn an_endless_duration_is_refused() {
        for text in ["9223372036854775807d", "99999999999999999999s"] {
            assert_eq!(duration_s(text), Err(DurationError::TooLong(text.to_owned())));
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_is_read() {
        for text in ["90d", "1d2h3m4s", "2h30m", "1s", "0s"] {
            assert_eq!(show_duration(duration_s(text).unwrap()), text);
        }
    }

    #[test]
    fn a_date_is_midnight_in_stockholm() {
        let at = |text: &str| instant(text).unwrap().to_rfc3339();
        assert_eq!(at("2027-03-01"), "2027-02-28T23:00:00+00:00");
        assert_eq!(at("2027-07-01"), "2027-06-30T22:00:00+00:00");
        assert_eq!(at("2027-03-01T08:00:00Z"), "2027-03-01T08:00:00+00:00");
        assert_eq!(at("2027-03-01T08:00:00+02:00"), "2027-03-01T06:00:00+00:00");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in
            ["", "2027-3-1", "27-03-01", "2027-02-30", "2027-03", "01/03/2027", "2027-03-01T08:00"]
        {
            assert_eq!(instant(text), Err(NotAnInstant(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn instants_are_shown_by_the_clocks_of_stockholm() {
        assert_eq!(show(instant("2027-07-01T12:00:00Z").unwrap()), "2027-07-01 14:00:00");
        assert_eq!(show(instant("2027-03-01").unwrap()), "2027-03-01 00:00:00");
    }
}
