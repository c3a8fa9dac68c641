//! Rates: what GPU-seconds cost, in 128 bits, rounded half up, once.
//!
//! A price is in µSEK per GPU-hour and a factor in parts per million, so
//! `cost = GPU-seconds × price × factor / (3 600 × 1 000 000)`. Nothing here rounds twice and
//! nothing overflows in silence: what does not fit is `None`.

use record::{GpuSeconds, MicroSek};

/// Seconds in the hour of the price times the million of the factor.
const DIVISOR: i128 = 3_600 * 1_000_000;

/// The µSEK in an öre.
const USEK_PER_ORE: i128 = MicroSek::ORE.get() as i128;

/// A price per GPU-hour with its factor; neither is negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    usek_per_gpu_hour: i64,
    factor_ppm: i64,
}

impl Price {
    /// Accepts a price in µSEK per GPU-hour and a factor in ppm if neither is negative.
    pub const fn new(usek_per_gpu_hour: i64, factor_ppm: i64) -> Option<Self> {
        if usek_per_gpu_hour >= 0 && factor_ppm >= 0 {
            Some(Self { usek_per_gpu_hour, factor_ppm })
        } else {
            None
        }
    }

    /// What `gpu_seconds` cost, half up.
    pub fn cost(self, gpu_seconds: GpuSeconds) -> Option<MicroSek> {
        let usek = half_up(self.scaled(gpu_seconds)?, DIVISOR)?;
        MicroSek::new(i64::try_from(usek).ok()?)
    }

    /// What `gpu_seconds` cost at most, wherever in a longer use they lie: rounded up.
    ///
    /// The cost of a use grows by no more than this when it gets `gpu_seconds` longer.
    pub fn cost_at_most(self, gpu_seconds: GpuSeconds) -> Option<MicroSek> {
        let usek = self.scaled(gpu_seconds)?.checked_add(DIVISOR - 1)? / DIVISOR;
        MicroSek::new(i64::try_from(usek).ok()?)
    }

    /// What `gpu_seconds` cost on paper, in öre, half up.
    pub fn ore(self, gpu_seconds: GpuSeconds) -> Option<i64> {
        let ore = half_up(self.scaled(gpu_seconds)?, DIVISOR * USEK_PER_ORE)?;
        i64::try_from(ore).ok()
    }

    /// The most GPU-seconds that cost no more than `usek`.
    ///
    /// The inverse of [`Price::cost`]: one second more would cost more than `usek`.
    pub fn most_within(self, usek: MicroSek) -> GpuSeconds {
        let most = GpuSeconds::new(i64::MAX).expect("i64::MAX is not negative");
        let per_second = i128::from(self.usek_per_gpu_hour) * i128::from(self.factor_ppm);
        if per_second == 0 {
            return most;
        }
        // floor((g × p + D/2) / D) ≤ u  ⇔  g × p < (u + 1) × D − D/2
        let bound = (i128::from(usek.get()) + 1) * DIVISOR - DIVISOR / 2;
        let seconds = (bound - 1) / per_second;
        i64::try_from(seconds).ok().and_then(GpuSeconds::new).unwrap_or(most)
    }

    /// The most GPU-seconds that cost at most `usek` wherever they lie.
    ///
    /// The inverse of [`Price::cost_at_most`].
    pub fn covered_by(self, usek: MicroSek) -> GpuSeconds {
        let most = GpuSeconds::new(i64::MAX).expect("i64::MAX is not negative");
        let per_second = i128::from(self.usek_per_gpu_hour) * i128::from(self.factor_ppm);
        if per_second == 0 {
            return most;
        }
        // ceil(g × p / D) ≤ u  ⇔  g × p ≤ u × D
        let seconds = i128::from(usek.get()) * DIVISOR / per_second;
        i64::try_from(seconds).ok().and_then(GpuSeconds::new).unwrap_or(most)
    }

    fn scaled(self, gpu_seconds: GpuSeconds) -> Option<i128> {
        let per_second = i128::from(self.usek_per_gpu_hour) * i128::from(self.factor_ppm);
        per_second.checked_mul(i128::from(gpu_seconds.get()))
    }
}

/// What `gpu_seconds` cost at a price in µSEK per GPU-hour and a factor in ppm, half up.
///
/// `None` if price or factor is negative, or if the cost does not fit.
pub fn cost(
    gpu_seconds: GpuSeconds,
    price_usek_per_gpu_hour: i64,
    factor_ppm: i64,
) -> Option<MicroSek> {
    Price::new(price_usek_per_gpu_hour, factor_ppm)?.cost(gpu_seconds)
}

/// `dividend / divisor` to the nearest whole, a half upwards. Both are positive or nought.
fn half_up(dividend: i128, divisor: i128) -> Option<i128> {
    Some(dividend.checked_add(divisor / 2)? / divisor)
}

#[cfg(test)]
mod tests {
    use proptest::{prop_assert, proptest};

    use super::*;

    fn seconds(amount: i64) -> GpuSeconds {
        GpuSeconds::new(amount).unwrap()
    }

    #[test]
    fn an_hour_costs_the_price() {
        assert_eq!(cost(seconds(3_600), 25_000_000, 1_000_000).unwrap().get(), 25_000_000);
    }

    #[test]
    fn half_a_micro_krona_is_rounded_up_and_less_is_not() {
        // 1 µSEK per hour: 1 800 seconds cost exactly half a µSEK.
        assert_eq!(cost(seconds(1_800), 1, 1_000_000).unwrap().get(), 1);
        assert_eq!(cost(seconds(1_799), 1, 1_000_000).unwrap().get(), 0);
    }

    #[test]
    fn half_an_ore_is_rounded_up_on_paper() {
        let price = Price::new(5_000, 1_000_000).unwrap();
        assert_eq!(price.ore(seconds(3_600)), Some(1));
        assert_eq!(price.ore(seconds(3_599)), Some(0));
    }

    #[test]
    fn what_does_not_fit_is_none() {
        assert_eq!(cost(seconds(i64::MAX), i64::MAX, i64::MAX), None);
        assert_eq!(cost(seconds(i64::MAX), 3_600_000_000, 1_000_000), None);
        assert_eq!(cost(seconds(1), -1, 1_000_000), None);
        assert_eq!(cost(seconds(1), 1, -1), None);
    }

    proptest! {
        /// Wherever the cost is written down, it is within half a µSEK of the exact one.
        #[test]
        fn the_cost_is_the_nearest_whole(
            gpu_seconds in 0..=1_i64 << 40, price in 0..=1_i64 << 40, factor in 0..=4_000_000_i64,
        ) {
            let exact = i128::from(gpu_seconds) * i128::from(price) * i128::from(factor);
            if let Some(usek) = cost(seconds(gpu_seconds), price, factor) {
                let error = i128::from(usek.get()) * DIVISOR - exact;
                prop_assert!(-DIVISOR < 2 * error && 2 * error <= DIVISOR);
            }
        }

        /// `most_within` is the edge: it can be paid, one second more cannot.
        #[test]
        fn the_most_that_can_be_paid_is_the_most(
            usek in 0..=1_i64 << 50, price in 1..=1_i64 << 40, factor in 1..=4_000_000_i64,
        ) {
            let price = Price::new(price, factor).unwrap();
            let most = price.most_within(MicroSek::new(usek).unwrap());
            prop_assert!(price.cost(most).unwrap().get() <= usek);
            if let Some(cost) = price.cost(seconds(most.get() + 1)) {
                prop_assert!(cost.get() > usek);
            }
        }

        /// A use that gets longer never costs more for it than `cost_at_most`, and `covered_by` is
        /// the edge of that.
        #[test]
        fn a_longer_use_costs_at_most_its_rounded_up_cost(
            before in 0..=1_i64 << 40, more in 0..=1_i64 << 30,
            price in 1..=1_i64 << 30, factor in 1..=4_000_000_i64,
        ) {
            let price = Price::new(price, factor).unwrap();
            let most = price.cost_at_most(seconds(more)).unwrap();
            if let Some(after) = price.cost(seconds(before + more)) {
                prop_assert!(after.get() - price.cost(seconds(before)).unwrap().get() <= most.get());
            }
            let covered = price.covered_by(most);
            prop_assert!(covered.get() >= more);
            prop_assert!(price.cost_at_most(covered).unwrap() <= most);
            prop_assert!(price.cost_at_most(seconds(covered.get() + 1)).unwrap() > most);
        }
    }
}
