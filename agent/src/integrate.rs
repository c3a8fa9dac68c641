//! From samples to segments: the arithmetic of one GPU, without a clock, a disk or a library.
//!
//! A segment runs from one sample to a later one and is cut at whole multiples of `segment_s`, when
//! the agent ends, and when the GPU's first process comes or its last one goes. The first second of
//! a process belongs to its own segment: it came between two samples, so the cut is at the earlier
//! one; it went between two samples, so that cut is at the later one.
//!
//! A time in which the agent did not sample (a stalled driver, a paused machine) is a segment of its
//! own with no samples: the counter still tells its energy, and nothing tells the rest.

mod sum;

use agent_wire::{Reading, Segment};
use chrono::{DateTime, TimeDelta, Utc};

use self::sum::{Energy, Figure};
use crate::clock::Moment;
use crate::gpu::{Gpu, Sample};

/// Settings of the integrator.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Segments are cut at whole multiples of this many seconds of the wall clock.
    pub segment_s: u32,
    /// Time between two samples when all is well, in milliseconds.
    pub period_ms: u64,
    /// Label for every segment.
    pub simulated: bool,
}

impl Rules {
    /// Two and a half periods without a sample are a gap; one late sample is not.
    const fn gap_ms(self) -> u64 {
        self.period_ms * 5 / 2
    }

    /// Samples that belong into `elapsed_ms`, at least one.
    fn expected(self, elapsed_ms: u64) -> u32 {
        let count = (elapsed_ms + self.period_ms / 2) / self.period_ms;
        u32::try_from(count).unwrap_or(u32::MAX).max(1)
    }
}

/// What one sample led to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Segments that are complete now, in order, without a sequence number yet.
    pub closed: Vec<Segment>,
    /// Energy since the last sample that told it, in millijoules.
    pub energy_mj: Option<u64>,
    /// The energy counter ran backwards: the driver was loaded anew or the GPU was reset.
    pub counter_was_reset: bool,
    /// Samples that should have come before this one and did not.
    pub missed: u32,
}

/// Adds up the samples of one GPU.
#[derive(Debug)]
pub struct Integrator {
    gpu: Gpu,
    rules: Rules,
    previous: Option<Sample>,
    process_count: Option<Reading>,
    open: Option<Open>,
}

/// The segment being filled.
#[derive(Debug)]
struct Open {
    start: Moment,
    energy: Energy,
    utilization_pct_ms: Figure,
    memory_max_mib: Figure,
    is_gap: bool,
    samples_got: u32,
    samples_expected: u32,
}

impl Integrator {
    /// An integrator that has seen nothing.
    pub const fn new(gpu: Gpu, rules: Rules) -> Self {
        Self { gpu, rules, previous: None, process_count: None, open: None }
    }

    /// The GPU.
    pub const fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Takes the next sample.
    pub fn take(&mut self, sample: &Sample) -> Step {
        let mut step = Step::default();
        let Some(previous) = self.previous.replace(*sample) else {
            self.process_count = sample.process_count;
            self.open = Some(Open::at(sample.at, sample));
            return step;
        };
        let elapsed_ms = sample.at.boot_ms.saturating_sub(previous.at.boot_ms);
        let is_gap = elapsed_ms > self.rules.gap_ms();
        let was_occupied = occupied(self.process_count);
        let is_occupied = occupied(sample.process_count).or(was_occupied);
        let began = was_occupied == Some(false) && is_occupied == Some(true);
        let ended = was_occupied == Some(true) && is_occupied == Some(false);

        if is_gap || began {
            step.closed.extend(self.close_at(&previous));
        }
        let expected = self.rules.expected(elapsed_ms);
        step.missed = expected - 1;
        if let Some(open) = &mut self.open {
            open.is_gap = is_gap;
            open.samples_expected = open.samples_expected.saturating_add(expected);
            open.samples_got += u32::from(sample.answered() && !is_gap);
            let energy = open.energy.add(sample);
            step.energy_mj = energy.map(|energy| energy.used_mj);
            step.counter_was_reset = energy.is_some_and(|energy| energy.was_reset);
            if !is_gap {
                let average = |percent| percent * elapsed_ms;
                open.utilization_pct_ms.add(elapsed_ms, sample.utilization_pct, average);
                open.memory_max_mib.raise(elapsed_ms, sample.memory_mib);
            }
        }
        // The look that finds the GPU empty belongs to the segment after the process.
        if !ended {
            self.process_count = sample.process_count.or(self.process_count);
        }
        if is_gap || ended || self.is_boundary(&previous, sample) {
            step.closed.extend(self.close_at(sample));
        }
        self.process_count = sample.process_count.or(self.process_count);
        step
    }

    /// Closes the segment at the last sample, when the agent ends or the GPU is no more.
    pub fn finish(mut self) -> Option<Segment> {
        let previous = self.previous?;
        self.close_at(&previous)
    }

    /// Whether the wall clock passed a multiple of the segment's length, or never seems to.
    fn is_boundary(&self, previous: &Sample, sample: &Sample) -> bool {
        let length_s = i64::from(self.rules.segment_s);
        let part = |at: DateTime<Utc>| at.timestamp().div_euclid(length_s);
        let too_long_ms = u64::from(self.rules.segment_s) * 1_000 + 2 * self.rules.period_ms;
        let is_too_long = self
            .open
            .as_ref()
            .is_some_and(|open| sample.at.boot_ms - open.start.boot_ms >= too_long_ms);
        is_too_long || part(previous.at.wall) != part(sample.at.wall)
    }

    /// Ends the open segment at `sample` and opens the next one there.
    fn close_at(&mut self, sample: &Sample) -> Option<Segment> {
        let open = self.open.take()?;
        let duration_ms = sample.at.boot_ms.saturating_sub(open.start.boot_ms);
        if duration_ms == 0 {
            self.open = Some(open);
            return None;
        }
        let ended_at = ended_at(open.start.wall, sample.at.wall, duration_ms);
        let process_count = if open.is_gap { Reading::Stale } else { self.last_look() };
        // The next one starts by the wall clock as it is now, stepped or not.
        self.open = Some(Open::at(sample.at, sample));
        Some(Segment {
            seq: 0,
            gpu_uuid: self.gpu.uuid.clone(),
            gpu_minor: self.gpu.minor,
            gpu_name: self.gpu.name.clone(),
            started_at: open.start.wall,
            ended_at,
            duration_ms,
            energy_mj: open.energy.reading(duration_ms),
            utilization_pct_ms: open.utilization_pct_ms.reading(duration_ms),
            memory_max_mib: open.memory_max_mib.reading(duration_ms),
            process_count,
            samples_got: open.samples_got,
            samples_expected: open.samples_expected,
            simulated: self.rules.simulated,
        })
    }

    fn last_look(&self) -> Reading {
        self.process_count.unwrap_or(Reading::Stale)
    }
}

impl Open {
    fn at(start: Moment, sample: &Sample) -> Self {
        Self {
            start,
            energy: Energy::from(sample),
            utilization_pct_ms: Figure::default(),
            memory_max_mib: Figure::default(),
            is_gap: false,
            samples_got: 0,
            samples_expected: 0,
        }
    }
}

/// Whether a look found processes; `None` when it could not tell or there was no look.
fn occupied(look: Option<Reading>) -> Option<bool> {
    look.and_then(Reading::value).map(|count| count > 0)
}

/// The end by the wall clock, unless that clock was stepped meanwhile: then start plus length.
fn ended_at(started_at: DateTime<Utc>, wall: DateTime<Utc>, duration_ms: u64) -> DateTime<Utc> {
    let length = TimeDelta::milliseconds(i64::try_from(duration_ms).unwrap_or(i64::MAX / 2));
    let by_length = started_at.checked_add_signed(length).unwrap_or(started_at);
    let tolerance = TimeDelta::milliseconds(250).min(length / 2);
    if (wall - by_length).abs() <= tolerance { wall } else { by_length }
}

#[cfg(test)]
mod tests;
