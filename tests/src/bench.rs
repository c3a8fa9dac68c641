//! Benchmarks: figures for `docs/BENCHMARKS.md`, never asserted in tests.
//!
//! Machines are noisy, so what is compared is measured in one run on one cluster, in turns.

mod admit;
mod diff;
mod ground;
mod latency;
mod load;
mod settle;
mod submit;
mod tree;
mod watch;

pub use admit::admit;
pub use diff::diff;
pub use latency::latency;
pub use settle::settle;
pub use submit::submit;
pub use watch::watch;

/// The value below which `per_cent` of the samples lie. The samples get sorted.
fn percentile(samples: &mut [f64], per_cent: usize) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    samples.get(last * per_cent / 100).copied().unwrap_or(f64::NAN)
}

/// Rounded to `digits` decimals, for people's eyes.
fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_samples() {
        let mut samples: Vec<f64> = (0..101).rev().map(f64::from).collect();
        assert_eq!([0, 50, 99, 100].map(|p| percentile(&mut samples, p)), [0.0, 50.0, 99.0, 100.0]);
    }
}
