//! Sums that know how much of the time they cover.

use agent_wire::Reading;

use crate::gpu::Sample;

/// A figure stands if it covers at least this share of the segment, in percent.
const MIN_COVERAGE_PCT: u64 = 90;

/// A sum or a maximum, the time it covers, and why it does not cover more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figure {
    value: u64,
    covered_ms: u64,
    reason: Option<Reading>,
}

impl Figure {
    /// Adds `amount(reading)` for `elapsed_ms`, or notes why there is nothing to add.
    pub(super) fn add(
        &mut self,
        elapsed_ms: u64,
        reading: Reading,
        amount: impl FnOnce(u64) -> u64,
    ) {
        match reading.value() {
            Some(value) => {
                self.value = self.value.saturating_add(amount(value));
                self.covered_ms += elapsed_ms;
            }
            None => self.reason = Some(reading),
        }
    }

    /// Raises the maximum to the reading, or notes why there is none.
    pub(super) fn raise(&mut self, elapsed_ms: u64, reading: Reading) {
        let highest = self.value;
        self.add(elapsed_ms, reading, |value| value.saturating_sub(highest));
    }

    /// The figure, if it covers enough of `duration_ms`.
    pub(super) fn reading(&self, duration_ms: u64) -> Reading {
        if self.covered_ms * 100 >= duration_ms * MIN_COVERAGE_PCT {
            Reading::Value(self.value)
        } else {
            self.reason.unwrap_or(Reading::Stale)
        }
    }
}

/// Energy by the difference of a counter, which also covers time in which nobody read it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Energy {
    figure: Figure,
    base: Option<Base>,
}

#[derive(Clone, Copy, Debug)]
struct Base {
    counter_mj: u64,
    at_ms: u64,
}

/// What one reading of the counter added.
#[derive(Clone, Copy, Debug)]
pub(super) struct EnergyUsed {
    pub(super) used_mj: u64,
    pub(super) was_reset: bool,
}

impl Energy {
    /// Counts from `sample` on.
    pub(super) fn from(sample: &Sample) -> Self {
        Self { figure: Figure::default(), base: base(sample) }
    }

    /// Adds what was used since the counter was last read.
    ///
    /// A counter that ran backwards began anew at zero: what it shows is what was used since, and
    /// what was used before that is not known. The sum is then a lower bound.
    pub(super) fn add(&mut self, sample: &Sample) -> Option<EnergyUsed> {
        let Some(now) = base(sample) else {
            self.figure.reason = Some(sample.energy_mj);
            return None;
        };
        let before = self.base.replace(now)?;
        let was_reset = now.counter_mj < before.counter_mj;
        let used_mj = if was_reset { now.counter_mj } else { now.counter_mj - before.counter_mj };
        self.figure.value = self.figure.value.saturating_add(used_mj);
        self.figure.covered_ms += now.at_ms.saturating_sub(before.at_ms);
        Some(EnergyUsed { used_mj, was_reset })
    }

    /// The energy, if the counter covers enough of `duration_ms`.
    pub(super) fn reading(&self, duration_ms: u64) -> Reading {
        self.figure.reading(duration_ms)
    }
}

fn base(sample: &Sample) -> Option<Base> {
    let counter_mj = sample.energy_mj.value()?;
    Some(Base { counter_mj, at_ms: sample.at.boot_ms })
}
