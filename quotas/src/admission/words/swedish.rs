//! Swedish, as authorities write it: `2 timmar och 1 minut`, `102,55 kr`, `den 1 februari 2027
//! kl. 00.00`.

use chrono::{DateTime, Datelike, Utc};
use record::{GpuSeconds, MicroSek};

use super::{NO_BREAK_SPACE, ore_down, ore_up, parts, stockholm, whole};

const MONTHS: [&str; 12] = [
    "januari",
    "februari",
    "mars",
    "april",
    "maj",
    "juni",
    "juli",
    "augusti",
    "september",
    "oktober",
    "november",
    "december",
];

/// One and many of a unit.
type Unit = (&'static str, &'static str);

const HOUR: Unit = ("timme", "timmar");
const GPU_HOUR: Unit = ("GPU-timme", "GPU-timmar");
const MINUTE: Unit = ("minut", "minuter");
const SECOND: Unit = ("sekund", "sekunder");

/// A length of time: `2 timmar och 1 minut`, `45 sekunder`.
pub(in crate::admission) fn span(seconds: i64) -> String {
    said(seconds, [HOUR, MINUTE, SECOND])
}

/// GPU time: `2 GPU-timmar och 1 minut`, or `45 sekunders GPU-tid` below one GPU-hour.
pub(in crate::admission) fn gpu_time(amount: GpuSeconds) -> String {
    let seconds = amount.get();
    if seconds == 0 {
        "ingen GPU-tid".to_owned()
    } else if seconds < 3_600 {
        // A length before the noun stands in the genitive, the last unit's alone.
        let text = span(seconds);
        format!("{text}s GPU-tid")
    } else {
        said(seconds, [GPU_HOUR, MINUTE, SECOND])
    }
}

/// What something costs, a begun öre counted as whole: `102,55 kr`.
pub(in crate::admission) fn kronor_up(amount: MicroSek) -> String {
    kronor(ore_up(amount))
}

/// What can be paid, a begun öre not counted: `102,54 kr`.
pub(in crate::admission) fn kronor_down(amount: MicroSek) -> String {
    kronor(ore_down(amount))
}

/// An instant: `den 1 februari 2027 kl. 00.00`.
pub(in crate::admission) fn moment(instant: DateTime<Utc>) -> String {
    let there = stockholm(instant);
    let month = MONTHS[there.month0() as usize];
    format!("den {} {month} {} kl. {}", there.day(), there.year(), there.format("%H.%M"))
}

/// A count of GPUs: `1 GPU`, `4 GPU:er`.
pub(in crate::admission) fn gpus(count: i64) -> String {
    if count == 1 { "1 GPU".to_owned() } else { format!("{count} GPU:er") }
}

fn kronor(ore: i64) -> String {
    format!("{},{:02}{NO_BREAK_SPACE}kr", whole(ore / 100), ore % 100)
}

/// The parts that are not nought, the last after `och`.
fn said(seconds: i64, units: [Unit; 3]) -> String {
    let mut said: Vec<String> = parts(seconds)
        .into_iter()
        .zip(units)
        .filter(|(count, _)| *count > 0)
        .map(|(count, (one, many))| {
            format!("{} {}", whole(count), if count == 1 { one } else { many })
        })
        .collect();
    match (said.pop(), said.is_empty()) {
        (None, _) => "0 sekunder".to_owned(),
        (Some(only), true) => only,
        (Some(last), false) => format!("{} och {last}", said.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64) -> String {
        gpu_time(GpuSeconds::new(seconds).unwrap())
    }

    #[test]
    fn a_span_is_written_out() {
        assert_eq!(span(7_260), "2 timmar och 1 minut");
        assert_eq!(span(3_661), "1 timme, 1 minut och 1 sekund");
        assert_eq!(span(45), "45 sekunder");
        assert_eq!(span(0), "0 sekunder");
    }

    #[test]
    fn gpu_time_is_in_gpu_hours() {
        assert_eq!(time(7_320), "2 GPU-timmar och 2 minuter");
        assert_eq!(time(36_000_000), "10\u{a0}000 GPU-timmar");
        assert_eq!(time(90), "1 minut och 30 sekunders GPU-tid");
        assert_eq!(time(0), "ingen GPU-tid");
    }

    #[test]
    fn kronor_have_a_comma_and_thousands_apart() {
        assert_eq!(
            kronor_up(MicroSek::new(1_234_567_890_001).unwrap()),
            "1\u{a0}234\u{a0}567,90\u{a0}kr"
        );
        assert_eq!(kronor_down(MicroSek::new(1_029_999).unwrap()), "1,02\u{a0}kr");
    }

    #[test]
    fn the_opening_day_is_the_first_of_february_in_stockholm() {
        let opens_at = "2027-01-31T23:00:00Z".parse().unwrap();
        assert_eq!(moment(opens_at), "den 1 februari 2027 kl. 00.00");
        assert_eq!(moment("2027-06-30T11:05:00Z".parse().unwrap()), "den 30 juni 2027 kl. 13.05");
    }

    #[test]
    fn one_is_not_many() {
        assert_eq!([gpus(1), gpus(0), gpus(8)], ["1 GPU", "0 GPU:er", "8 GPU:er"]);
    }
}
