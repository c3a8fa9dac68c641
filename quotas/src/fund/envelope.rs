//! Envelopes: what a year of a fund is expected to bring, as a range, and the time it buys.
//!
//! An envelope is an expectation (20 to 50 MSEK a year), never a ceiling: nothing is granted on it.
//! What time it buys depends on the price, so whoever shows that names the rate it was reckoned with.

use accounting::rate::Price;
use record::{GpuSeconds, MicroSek};
use serde::{Deserialize, Serialize};

/// A range of money for one year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The least that is expected; more than nothing.
    pub low: MicroSek,
    /// The most that is expected.
    pub high: MicroSek,
}

/// The time that the low and the high figure buy at `price`: whole seconds, none that is not paid.
pub fn gpu_seconds(envelope: &Envelope, price: Price) -> (GpuSeconds, GpuSeconds) {
    (price.most_within(envelope.low), price.most_within(envelope.high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_to_fifty_million_buy_a_range_of_hours() {
        let million = 1_000_000 * MicroSek::KRONA.get();
        let [low, high] = [20, 50].map(|msek| MicroSek::new(msek * million).unwrap());
        let price = Price::new(25 * MicroSek::KRONA.get(), 1_000_000).unwrap();
        let (least, most) = gpu_seconds(&Envelope { low, high }, price);
        assert_eq!(least.get() / 3_600, 800_000);
        assert_eq!(most.get() / 3_600, 2_000_000);
    }

    #[test]
    fn no_second_is_counted_that_the_money_does_not_pay() {
        let [low, high] = [1, 1_000_001].map(|usek| MicroSek::new(usek).unwrap());
        let price = Price::new(3_600 * MicroSek::KRONA.get(), 1_000_000).unwrap();
        let bought = gpu_seconds(&Envelope { low, high }, price);
        assert_eq!(bought, (GpuSeconds::ZERO, GpuSeconds::new(1).unwrap()));
    }
}
