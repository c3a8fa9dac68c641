//! Amounts as people write and read them: hours and kronor to whole GPU-seconds and µSEK, and back.
//!
//! Everything is done in integers, and nothing is rounded: text that is not a whole number of the
//! broker's unit is refused, and what is shown is the whole amount.

use record::{GpuSeconds, MicroSek};

/// Seconds in an hour.
const HOUR: i64 = 3600;

/// The factor that leaves a price as it is.
pub(crate) const WHOLE_PPM: i64 = 1_000_000;

/// Why a text is not an amount.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AmountError {
    /// Something else than digits and one decimal sign.
    #[error("`{0}` is not an amount; write it as 100, 12,50 or 12.50")]
    NotANumber(String),
    /// Three decimals after one to three digits: half the world reads thousands.
    #[error(
        "`{0}` can be read as thousands or as decimals; write thousands without a sign (50000) \
         and decimals with another number of digits (1,50)"
    )]
    Ambiguous(String),
    /// Finer than the broker's unit.
    #[error("`{text}` is not a whole number of {unit}; the broker keeps nothing smaller")]
    TooFine {
        /// What was written.
        text: String,
        /// The unit.
        unit: &'static str,
    },
    /// More than fits.
    #[error("`{0}` is more than the broker can count")]
    TooMuch(String),
}

/// Reads GPU-hours, as `100` or `0,5`, or as they are shown: `1 234:05:09`.
pub(crate) fn gpu_hours(text: &str) -> Result<GpuSeconds, AmountError> {
    let seconds = match on_the_clock(text) {
        Some(seconds) => seconds?,
        None => decimal(text, HOUR, "GPU-seconds")?,
    };
    GpuSeconds::new(seconds).ok_or_else(|| AmountError::NotANumber(text.to_owned()))
}

/// Reads hours, minutes and seconds; `None` if the text is not written so. Most seconds are no
/// decimal part of an hour.
fn on_the_clock(text: &str) -> Option<Result<i64, AmountError>> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    let below_60 = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let part = digits.then(|| part.parse::<u8>().ok()).flatten()?;
        (part < 60).then_some(i64::from(part))
    };
    let (minutes, seconds) = (below_60(minutes)?, below_60(seconds)?);
    let hours = ungrouped(hours)?.parse::<i64>().ok();
    let sum = hours.and_then(|hours| hours.checked_mul(HOUR)?.checked_add(minutes * 60 + seconds));
    Some(sum.ok_or_else(|| AmountError::TooMuch(text.to_owned())))
}

/// Reads kronor, as `50000`, `50 000` or `12,50`.
pub(crate) fn kronor(text: &str) -> Result<MicroSek, AmountError> {
    let usek = decimal(text, MicroSek::KRONA.get(), "millionths of a krona")?;
    MicroSek::new(usek).ok_or_else(|| AmountError::NotANumber(text.to_owned()))
}

/// Reads a factor on a price, as `1` or `1,25`, into parts per million.
pub(crate) fn factor_ppm(text: &str) -> Result<i64, AmountError> {
    decimal(text, WHOLE_PPM, "parts per million")
}

/// The text times `scale`, if that is a whole number.
fn decimal(text: &str, scale: i64, unit: &'static str) -> Result<i64, AmountError> {
    let not_a_number = || AmountError::NotANumber(text.to_owned());
    let too_much = || AmountError::TooMuch(text.to_owned());
    let (whole, decimals) = match text.split_once([',', '.']) {
        Some((_, "")) => return Err(not_a_number()),
        Some((whole, decimals)) => (whole, decimals),
        None => (text, ""),
    };
    let whole_digits = ungrouped(whole).ok_or_else(not_a_number)?;
    if !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_a_number());
    }
    if decimals.len() == 3 && whole.len() <= 3 && !whole_digits.starts_with('0') {
        return Err(AmountError::Ambiguous(text.to_owned()));
    }
    let decimals = decimals.trim_end_matches('0');
    let digits: i128 = format!("{whole_digits}{decimals}").parse().map_err(|_| too_much())?;
    let places = u32::try_from(decimals.len()).map_err(|_| too_much())?;
    let parts = 10_i128.checked_pow(places).ok_or_else(too_much)?;
    let scaled = digits.checked_mul(i128::from(scale)).ok_or_else(too_much)?;
    if scaled % parts != 0 {
        return Err(AmountError::TooFine { text: text.to_owned(), unit });
    }
    i64::try_from(scaled / parts).map_err(|_| too_much())
}

/// The digits of a whole number, which may stand in groups of three: `50 000`.
fn ungrouped(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split([' ', '\u{a0}', '\u{202f}']).collect();
    let digits_only = groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_digit()));
    let well_grouped = groups[1..].iter().all(|group| group.len() == 3)
        && (groups.len() == 1 || groups[0].len() <= 3);
    (digits_only && well_grouped && !groups[0].is_empty()).then(|| groups.concat())
}

/// GPU time as `1 234:05:09`: hours, minutes, seconds.
pub(crate) fn show_gpu_time(time: GpuSeconds) -> String {
    let seconds = time.get();
    format!("{}:{:02}:{:02}", grouped(seconds / HOUR), seconds / 60 % 60, seconds % 60)
}

/// Money as `1 234.50 kr`, with as many decimals as it takes.
pub(crate) fn show_kronor(money: MicroSek) -> String {
    format!("{} kr", show_millionths(money.get(), 2))
}

/// A sum in öre as `1 234.50 kr`.
pub(crate) fn show_ore(ore: i64) -> String {
    let sign = if ore < 0 { "-" } else { "" };
    let ore = ore.unsigned_abs();
    format!("{sign}{}.{:02} kr", grouped(ore / 100), ore % 100)
}

/// A difference in µSEK, which may be below zero.
pub(crate) fn show_difference(usek: i64) -> String {
    format!("{} kr", show_millionths(usek, 2))
}

/// A factor in parts per million as `1.25`.
pub(crate) fn show_factor(ppm: i64) -> String {
    show_millionths(ppm, 0)
}

/// Bytes as `1 234 bytes`.
pub(crate) fn show_bytes(bytes: u64) -> String {
    format!("{} bytes", grouped(bytes))
}

/// Millionths with at least `places` decimals and no more than it takes, but never with three,
/// which could be read as thousands.
fn show_millionths(amount: i64, places: usize) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let amount = amount.unsigned_abs();
    let mut decimals = format!("{:06}", amount % 1_000_000);
    while decimals.len() > places && decimals.ends_with('0') {
        decimals.pop();
    }
    if decimals.len() == 3 {
        decimals.push('0');
    }
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{decimals}", grouped(amount / 1_000_000))
}

/// A whole number with a space between thousands.
fn grouped(number: impl ToString) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kronor_may_be_whole_or_have_decimals_of_either_sign() {
        for (text, usek) in [
            ("50000", 50_000_000_000),
            ("50 000", 50_000_000_000),
            ("1 250 000,5", 1_250_000_500_000),
            ("12,50", 12_500_000),
            ("12.50", 12_500_000),
            ("0", 0),
            ("0,000001", 1),
            ("0.125", 125_000),
        ] {
            assert_eq!(kronor(text).map(MicroSek::get), Ok(usek), "{text}");
        }
    }

    #[test]
    fn gpu_hours_become_whole_gpu_seconds() {
        assert_eq!(gpu_hours("100").map(GpuSeconds::get), Ok(360_000));
        assert_eq!(gpu_hours("0,25").map(GpuSeconds::get), Ok(900));
        assert_eq!(gpu_hours("2.50").map(GpuSeconds::get), Ok(9_000));
    }

    #[test]
    fn what_is_finer_than_the_unit_is_refused_not_rounded() {
        assert!(matches!(gpu_hours("0,0001"), Err(AmountError::TooFine { .. })));
        assert!(matches!(kronor("0,0000001"), Err(AmountError::TooFine { .. })));
    }

    #[test]
    fn a_sign_that_could_mean_thousands_is_refused() {
        for text in ["50,000", "1.250", "999,000"] {
            assert_eq!(kronor(text), Err(AmountError::Ambiguous(text.to_owned())));
        }
        assert_eq!(kronor("50,0000").map(MicroSek::get), Ok(50_000_000));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", " ", "-5", "+5", "5e3", "1,2,3", "1.", ",5", "5 00", "1234 567", "NaN", "½", "1 kr",
        ] {
            assert_eq!(kronor(text), Err(AmountError::NotANumber(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn more_than_fits_is_refused() {
        let most = i64::MAX.to_string();
        assert_eq!(kronor(&most), Err(AmountError::TooMuch(most.clone())));
        let endless = "9".repeat(400);
        assert_eq!(kronor(&endless), Err(AmountError::TooMuch(endless.clone())));
        let fine = format!("0,{}1", "0".repeat(60));
        assert_eq!(kronor(&fine), Err(AmountError::TooMuch(fine.clone())));
    }

    #[test]
    fn what_is_shown_is_the_whole_amount() {
        let time = |seconds| show_gpu_time(GpuSeconds::new(seconds).unwrap());
        assert_eq!(
            [0, 59, 3_661, 4_442_709].map(time),
            ["0:00:00", "0:00:59", "1:01:01", "1 234:05:09"]
        );
        let money = |usek| show_kronor(MicroSek::new(usek).unwrap());
        assert_eq!(
            [0, 1, 12_500_000, 1_234_567_890_000].map(money),
            ["0.00 kr", "0.000001 kr", "12.50 kr", "1 234 567.89 kr"]
        );
        assert_eq!(show_difference(-4_321), "-0.004321 kr");
        assert_eq!([show_ore(5), show_ore(-123_456)], ["0.05 kr", "-1 234.56 kr"]);
        assert_eq!([show_factor(1_000_000), show_factor(1_250_000)], ["1", "1.25"]);
    }

    #[test]
    fn what_was_read_is_shown_again() {
        for text in ["12.50", "0.000001", "999.99", "7.8750"] {
            assert_eq!(show_kronor(kronor(text).unwrap()), format!("{text} kr"));
        }
        assert_eq!(factor_ppm("1,25"), Ok(1_250_000));
        for seconds in [0, 130, 3_661, 4_442_709] {
            let time = GpuSeconds::new(seconds).unwrap();
            assert_eq!(gpu_hours(&show_gpu_time(time)), Ok(time));
        }
        for text in ["1:00", "1:60:00", "1:00:0", "1:-1:00", "1:+1:00", ":00:00", "1:00:00:00"] {
            assert_eq!(gpu_hours(text), Err(AmountError::NotANumber(text.to_owned())), "{text}");
        }
        let beyond = "9223372036854775807:00:00";
        assert_eq!(gpu_hours(beyond), Err(AmountError::TooMuch(beyond.to_owned())));
    }
}
