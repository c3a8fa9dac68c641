//! Instants as people read them: by the clocks of Stockholm, in the order of ISO 8601.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Europe::Stockholm;
use maud::{Markup, html};

/// Day and minute: `2027-03-01 12:00`.
pub fn minute(at: DateTime<Utc>) -> String {
    at.with_timezone(&Stockholm).format("%Y-%m-%d %H:%M").to_string()
}

/// Day, second and zone: `2027-03-01 12:00:05 CET`. The zone tells the two hours of October apart.
pub fn second(at: DateTime<Utc>) -> String {
    at.with_timezone(&Stockholm).format("%Y-%m-%d %H:%M:%S\u{a0}%Z").to_string()
}

/// The day: `2027-03-01`.
pub fn day(at: DateTime<Utc>) -> String {
    at.with_timezone(&Stockholm).format("%Y-%m-%d").to_string()
}

/// The last day of a window whose end is not part of it, or the minute if it ends within a day.
pub fn through(until: DateTime<Utc>) -> String {
    if until.with_timezone(&Stockholm).time() == NaiveTime::MIN {
        day(until - TimeDelta::seconds(1))
    } else {
        minute(until)
    }
}

/// A window from its first to its last day.
pub(crate) fn window(from: DateTime<Utc>, until: DateTime<Utc>) -> Markup {
    html! { span.window { (machine(from, &day(from))) " – " (machine(until, &through(until))) } }
}

/// A `time` element to the minute.
pub(crate) fn at_minute(at: DateTime<Utc>) -> Markup {
    machine(at, &minute(at))
}

/// A `time` element to the second.
pub(crate) fn at_second(at: DateTime<Utc>) -> Markup {
    machine(at, &second(at))
}

fn machine(at: DateTime<Utc>, shown: &str) -> Markup {
    html! { time datetime=(at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)) { (shown) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_those_of_stockholm_in_winter_and_summer() {
        assert_eq!(second(instant("2027-03-01T11:00:05Z")), "2027-03-01 12:00:05\u{a0}CET");
        assert_eq!(minute(instant("2027-07-01T22:30:00Z")), "2027-07-02 00:30");
    }

    #[test]
    fn the_two_hours_of_october_can_be_told_apart() {
        assert_eq!(second(instant("2027-10-31T00:30:00Z")), "2027-10-31 02:30:00\u{a0}CEST");
        assert_eq!(second(instant("2027-10-31T01:30:00Z")), "2027-10-31 02:30:00\u{a0}CET");
    }

    #[test]
    fn a_window_that_ends_at_midnight_shows_its_last_day() {
        assert_eq!(through(instant("2027-06-30T22:00:00Z")), "2027-06-30");
        assert_eq!(through(instant("2027-06-30T10:00:00Z")), "2027-06-30 12:00");
    }
}
