//! Amounts and instants as people read them in a sentence.
//!
//! What is wanted is rounded up and what is there is rounded down, to the öre, so that the two never
//! read the same where they are not; lengths of time are exact to the second.

use chrono::{DateTime, Utc};
use chrono_tz::{Europe::Stockholm, Tz};
use record::MicroSek;

pub(super) mod english;
pub(super) mod swedish;

/// Between thousands, and between a figure and its unit: a line never breaks there.
const NO_BREAK_SPACE: char = '\u{a0}';

/// An instant by the clocks of Stockholm.
fn stockholm(instant: DateTime<Utc>) -> DateTime<Tz> {
    instant.with_timezone(&Stockholm)
}

/// Hours, minutes and seconds of a length of time.
const fn parts(seconds: i64) -> [i64; 3] {
    [seconds / 3600, seconds / 60 % 60, seconds % 60]
}

/// What something costs in öre, a begun öre counted as whole.
const fn ore_up(amount: MicroSek) -> i64 {
    let (ore, rest) = (amount.get() / MicroSek::ORE.get(), amount.get() % MicroSek::ORE.get());
    if rest > 0 { ore + 1 } else { ore }
}

/// What can be paid in öre, a begun öre not counted.
const fn ore_down(amount: MicroSek) -> i64 {
    amount.get() / MicroSek::ORE.get()
}

/// A whole number with its thousands apart: `1 234 567`.
fn whole(number: i64) -> String {
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
