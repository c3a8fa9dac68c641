//! English: `2 h 1 min`, `102.55 SEK`, `2027-02-01 00:00`.

use chrono::{DateTime, Utc};
use record::MicroSek;

use super::{ore_down, ore_up, parts, stockholm, whole};

/// A length of time: `2 h 1 min`, `45 s`.
pub(in crate::admission) fn span(seconds: i64) -> String {
    let said: Vec<String> = parts(seconds)
        .into_iter()
        .zip(["h", "min", "s"])
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{} {unit}", whole(count)))
        .collect();
    if said.is_empty() { "0 s".to_owned() } else { said.join(" ") }
}

/// What something costs, a begun öre counted as whole: `102.55 SEK`.
pub(in crate::admission) fn kronor_up(amount: MicroSek) -> String {
    kronor(ore_up(amount))
}

/// What can be paid, a begun öre not counted: `102.54 SEK`.
pub(in crate::admission) fn kronor_down(amount: MicroSek) -> String {
    kronor(ore_down(amount))
}

/// An instant: `2027-02-01 00:00`.
pub(in crate::admission) fn moment(instant: DateTime<Utc>) -> String {
    stockholm(instant).format("%Y-%m-%d %H:%M").to_string()
}

/// A count of GPUs: `1 GPU`, `4 GPUs`.
pub(in crate::admission) fn gpus(count: i64) -> String {
    if count == 1 { "1 GPU".to_owned() } else { format!("{count} GPUs") }
}

/// A count of jobs: `1 job`, `4 jobs`.
pub(in crate::admission) fn jobs(count: i64) -> String {
    if count == 1 { "1 job".to_owned() } else { format!("{count} jobs") }
}

fn kronor(ore: i64) -> String {
    format!("{}.{:02} SEK", whole(ore / 100), ore % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_says_only_the_parts_it_has() {
        assert_eq!(span(7_260), "2 h 1 min");
        assert_eq!(span(3_601), "1 h 1 s");
        assert_eq!(span(0), "0 s");
        assert_eq!(span(36_000_000), "10\u{a0}000 h");
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

    #[test]
    fn one_is_not_many() {
        assert_eq!([gpus(1), gpus(2), jobs(1), jobs(0)], ["1 GPU", "2 GPUs", "1 job", "0 jobs"]);
    }
}
