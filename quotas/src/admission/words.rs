//! Amounts and instants as people read them in a sentence.

use chrono::{DateTime, Utc};
use chrono_tz::Europe::Stockholm;
use record::MicroSek;

/// A length of time, exact to the second: `2 h 1 min`, `45 s`.
pub(super) fn span(seconds: i64) -> String {
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let said: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    if said.is_empty() { "0 s".to_owned() } else { said.join(" ") }
}

/// What something costs, a begun öre counted as whole: `102.55 SEK`.
pub(super) fn kronor_up(amount: MicroSek) -> String {
    let (ore, rest) = (amount.get() / MicroSek::ORE.get(), amount.get() % MicroSek::ORE.get());
    kronor(ore + i64::from(rest > 0))
}

/// What can be paid, a begun öre not counted: `102.54 SEK`.
pub(super) fn kronor_down(amount: MicroSek) -> String {
    kronor(amount.get() / MicroSek::ORE.get())
}

/// An instant by the clocks of Stockholm: `2027-02-01 00:00`.
pub(super) fn moment(instant: DateTime<Utc>) -> String {
    instant.with_timezone(&Stockholm).format("%Y-%m-%d %H:%M").to_string()
}

fn kronor(ore: i64) -> String {
    format!("{}.{:02} SEK", ore / 100, ore % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_says_only_the_parts_it_has() {
        assert_eq!(span(7_260), "2 h 1 min");
        assert_eq!(span(3_601), "1 h 1 s");
        assert_eq!(span(0), "0 s");
    }

    #[test]
    fn what_is_wanted_never_reads_the_same_as_what_is_there() {
        let wanted = MicroSek::new(1_020_001).unwrap();
        let available = MicroSek::new(1_029_999).unwrap();
        assert_eq!(kronor_up(wanted), "1.03 SEK");
        assert_eq!(kronor_down(available), "1.02 SEK");
    }

    #[test]
    fn the_opening_day_is_the_first_of_february_in_stockholm() {
        assert_eq!(moment("2027-01-31T23:00:00Z".parse().unwrap()), "2027-02-01 00:00");
    }
}
