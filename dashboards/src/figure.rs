//! Figures as people read them: GPU-hours, kronor, energy, shares. Integers all the way.
//!
//! Swedish figures have a decimal comma, English ones a point; both set thousands apart with a
//! no-break space and round half away from zero, here and nowhere else on the pages. A figure that
//! is not known is never shown as zero: the callers say "not measured" instead.

use record::{GpuSeconds, MicroSek};

use crate::Language;

/// Between thousands, and between a figure and its unit.
const NO_BREAK_SPACE: char = '\u{a0}';

/// A whole number with its thousands apart: `1 234 567`.
pub fn whole(number: i64) -> String {
    decimal(i128::from(number), 1, 0, Language::English)
}

/// GPU-hours with two decimals, without the unit: `1 234.50`.
pub fn gpu_hours(amount: GpuSeconds, language: Language) -> String {
    decimal(i128::from(amount.get()), 3600, 2, language)
}

/// GPU-hours with four decimals, for one job, where seconds count: `0.0111`.
pub fn gpu_hours_fine(amount: GpuSeconds, language: Language) -> String {
    decimal(i128::from(amount.get()), 3600, 4, language)
}

/// Kronor and öre with the currency: `1 234.50 SEK`, `1 234,50 kr`.
pub fn kronor(amount: MicroSek, language: Language) -> String {
    money(i128::from(amount.get()), MICROS_PER_KRONA, 2, language)
}

/// Öre of an invoice as kronor and öre. May be negative on a correction line.
pub fn kronor_from_ore(ore: i64, language: Language) -> String {
    money(i128::from(ore), 100, 2, language)
}

/// µSEK to the last one, signed: `+0.003334 SEK`. For the difference of paper and ledger.
pub fn kronor_signed(micros: i64, language: Language) -> String {
    let text = money(i128::from(micros), MICROS_PER_KRONA, 6, language);
    if micros > 0 { format!("+{text}") } else { text }
}

/// A price or charge to the last µSEK, without needless zeros: `25.00 SEK`, `0.277778 SEK`.
pub fn kronor_exact(amount: MicroSek, language: Language) -> String {
    let digits = decimal(i128::from(amount.get()), MICROS_PER_KRONA, 6, language);
    with_currency(without_needless_zeros(&digits), language)
}

/// A factor kept in parts per million: `1.00`, `1.25`.
pub fn factor(ppm: i64, language: Language) -> String {
    without_needless_zeros(&decimal(i128::from(ppm), 1_000_000, 6, language)).to_owned()
}

/// `part` of `whole` in per cent with one decimal, or `None` of nothing.
pub fn percent(part: i64, whole: i64, language: Language) -> Option<String> {
    if whole <= 0 {
        return None;
    }
    let text = decimal(i128::from(part) * 100, i128::from(whole), 1, language);
    Some(format!("{text}{NO_BREAK_SPACE}%"))
}

/// Energy: watt-hours below one kWh, kilowatt-hours from there.
pub fn energy(millijoules: i64, language: Language) -> String {
    let (divisor, unit) = if millijoules < MILLIJOULES_PER_KWH {
        (MILLIJOULES_PER_KWH / 1000, "Wh")
    } else {
        (MILLIJOULES_PER_KWH, "kWh")
    };
    let text = decimal(i128::from(millijoules), i128::from(divisor), 2, language);
    format!("{text}{NO_BREAK_SPACE}{unit}")
}

/// Bytes in the decimal units of the SI: `512 B`, `1.50 GB`.
pub fn bytes(count: i64, language: Language) -> String {
    let (divisor, unit) = match count {
        ..1_000 => return format!("{}{NO_BREAK_SPACE}B", whole(count)),
        1_000..1_000_000 => (1_000, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        1_000_000_000..1_000_000_000_000 => (1_000_000_000, "GB"),
        1_000_000_000_000.. => (1_000_000_000_000, "TB"),
    };
    let text = decimal(i128::from(count), divisor, 2, language);
    format!("{text}{NO_BREAK_SPACE}{unit}")
}

/// A length of time: `45 s`, `2 min 05 s`, `3 h 00 min 07 s`.
pub fn duration(seconds: i64) -> String {
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let text = match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes} min {rest:02} s"),
        _ => format!("{} h {minutes:02} min {rest:02} s", whole(hours)),
    };
    text.replace(' ', &NO_BREAK_SPACE.to_string())
}

/// Ten digits as they are written: `202100-1234`.
pub fn organisation_number(digits: &str) -> String {
    match (digits.len(), digits.get(..6), digits.get(6..)) {
        (10, Some(first), Some(last)) => format!("{first}-{last}"),
        _ => digits.to_owned(),
    }
}

const MICROS_PER_KRONA: i128 = 1_000_000;
const MILLIJOULES_PER_KWH: i64 = 3_600_000_000;

fn money(numerator: i128, denominator: i128, decimals: u32, language: Language) -> String {
    with_currency(&decimal(numerator, denominator, decimals, language), language)
}

fn with_currency(digits: &str, language: Language) -> String {
    let currency = match language {
        Language::English => "SEK",
        Language::Swedish => "kr",
    };
    format!("{digits}{NO_BREAK_SPACE}{currency}")
}

/// `numerator / denominator` with `decimals` digits after the mark, rounded half away from zero.
fn decimal(numerator: i128, denominator: i128, decimals: u32, language: Language) -> String {
    let scale = 10_u128.pow(decimals);
    let denominator = denominator.unsigned_abs();
    let scaled = (numerator.unsigned_abs() * scale * 2 + denominator) / (denominator * 2);
    let sign = if numerator < 0 && scaled > 0 { "\u{2212}" } else { "" };
    let units = thousands_apart(scaled / scale);
    if decimals == 0 {
        return format!("{sign}{units}");
    }
    let mark = match language {
        Language::English => '.',
        Language::Swedish => ',',
    };
    format!("{sign}{units}{mark}{:0width$}", scaled % scale, width = decimals as usize)
}

fn thousands_apart(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(NO_BREAK_SPACE);
        }
        text.push(digit);
    }
    text
}

/// Cuts trailing zeros of six decimals, but leaves two.
fn without_needless_zeros(digits: &str) -> &str {
    let shortest = digits.len() - 4;
    let end = digits.trim_end_matches('0').len();
    digits.get(..end.max(shortest)).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    use Language::{English, Swedish};

    fn seconds(amount: i64) -> GpuSeconds {
        GpuSeconds::new(amount).unwrap()
    }

    fn micros(amount: i64) -> MicroSek {
        MicroSek::new(amount).unwrap()
    }

    #[test]
    fn gpu_hours_round_half_up_and_set_thousands_apart() {
        for (amount, expected) in [
            (0, "0.00"),
            (17, "0.00"),
            (18, "0.01"),
            (3600, "1.00"),
            (4_444_200, "1\u{a0}234.50"),
            (i64::MAX, "2\u{a0}562\u{a0}047\u{a0}788\u{a0}015\u{a0}215.50"),
        ] {
            assert_eq!(gpu_hours(seconds(amount), English), expected);
        }
        assert_eq!(gpu_hours_fine(seconds(40), Swedish), "0,0111");
    }

    #[test]
    fn kronor_follow_the_language() {
        assert_eq!(kronor(micros(1_234_505_000), English), "1\u{a0}234.51\u{a0}SEK");
        assert_eq!(kronor(micros(1_234_505_000), Swedish), "1\u{a0}234,51\u{a0}kr");
        assert_eq!(kronor_from_ore(-1250, Swedish), "\u{2212}12,50\u{a0}kr");
    }

    #[test]
    fn exact_amounts_keep_every_micro_and_no_needless_zero() {
        assert_eq!(kronor_exact(micros(25_000_000), Swedish), "25,00\u{a0}kr");
        assert_eq!(kronor_exact(micros(277_778), English), "0.277778\u{a0}SEK");
        assert_eq!(kronor_exact(micros(0), English), "0.00\u{a0}SEK");
        assert_eq!(kronor_signed(3_334, English), "+0.003334\u{a0}SEK");
        assert_eq!(kronor_signed(-3_334, English), "\u{2212}0.003334\u{a0}SEK");
        assert_eq!(factor(1_250_000, Swedish), "1,25");
        assert_eq!(factor(1_000_001, English), "1.000001");
    }

    #[test]
    fn a_share_of_nothing_is_not_known() {
        assert_eq!(percent(1, 0, English), None);
        assert_eq!(percent(1, 3, Swedish).unwrap(), "33,3\u{a0}%");
        assert_eq!(percent(i64::MAX, i64::MAX, English).unwrap(), "100.0\u{a0}%");
    }

    #[test]
    fn energy_size_and_time_choose_their_unit() {
        assert_eq!(energy(7_200_000, English), "2.00\u{a0}Wh");
        assert_eq!(energy(5_400_000_000, Swedish), "1,50\u{a0}kWh");
        assert_eq!(bytes(999, English), "999\u{a0}B");
        assert_eq!(bytes(1_500_000_000, Swedish), "1,50\u{a0}GB");
        assert_eq!(duration(45), "45\u{a0}s");
        assert_eq!(duration(10_807), "3\u{a0}h\u{a0}00\u{a0}min\u{a0}07\u{a0}s");
    }

    proptest::proptest! {
        /// Whatever is shown to the last µSEK reads back to the amount it came from.
        #[test]
        fn exact_kronor_read_back(amount in 0..=i64::MAX) {
            let shown = kronor_exact(micros(amount), English);
            let (krona, fraction) = shown.trim_end_matches("\u{a0}SEK").split_once('.').unwrap();
            let digits = format!("{}{fraction:0<6}", krona.replace('\u{a0}', ""));
            proptest::prop_assert_eq!(digits.parse::<i64>().unwrap(), amount);
        }

        /// Shown GPU-hours are never further than half of the last digit from the truth.
        #[test]
        fn gpu_hours_are_within_half_a_hundredth(amount in 0..=i64::MAX) {
            let shown = gpu_hours(seconds(amount), English).replace(['\u{a0}', '.'], "");
            let off = (shown.parse::<i128>().unwrap() * 3600 - i128::from(amount) * 100).abs();
            proptest::prop_assert!(off * 2 <= 3600);
        }
    }
}
