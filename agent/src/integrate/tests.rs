//! The integrator under a moved clock.

use super::*;
use crate::gpu::Part;

const NOON: &str = "2027-03-01T12:00:00Z";

fn noon() -> DateTime<Utc> {
    NOON.parse().unwrap()
}

/// `after_ms` past noon, an hour after boot.
fn at(after_ms: i64) -> Moment {
    let boot_ms = u64::try_from(3_600_000 + after_ms).unwrap();
    Moment { wall: noon() + TimeDelta::milliseconds(after_ms), boot_ms }
}

fn integrator() -> Integrator {
    let gpu = Gpu {
        uuid: "GPU-SIMULATED-test-4".to_owned(),
        minor: 4,
        name: "SIMULATED GPU".to_owned(),
        part: Part::Board,
    };
    Integrator::new(gpu, Rules { segment_s: 60, period_ms: 1_000, simulated: true })
}

/// A GPU at 300 W and 50 % with one process, whose counter is exact.
fn busy(after_ms: i64) -> Sample {
    Sample {
        at: at(after_ms),
        energy_mj: Reading::Value(u64::try_from(1_000_000 + after_ms * 300).unwrap()),
        utilization_pct: Reading::Value(50),
        memory_mib: Reading::Value(20_000),
        power_mw: Reading::Value(300_000),
        process_count: Some(Reading::Value(1)),
    }
}

fn empty(after_ms: i64) -> Sample {
    Sample {
        utilization_pct: Reading::Value(0),
        memory_mib: Reading::Value(4),
        process_count: Some(Reading::Value(0)),
        ..busy(after_ms)
    }
}

fn run(integrator: &mut Integrator, samples: impl IntoIterator<Item = Sample>) -> Vec<Segment> {
    samples.into_iter().flat_map(|sample| integrator.take(&sample).closed).collect()
}

#[test]
fn a_full_minute_is_one_segment_with_every_figure() {
    let mut integrator = integrator();
    let closed = run(&mut integrator, (0..=60).map(|second| busy(second * 1_000)));
    let [segment] = closed.try_into().expect("one segment");
    assert_eq!((segment.started_at, segment.ended_at), (noon(), at(60_000).wall));
    assert_eq!(segment.duration_ms, 60_000);
    assert_eq!(segment.energy_mj, Reading::Value(60_000 * 300));
    assert_eq!(segment.utilization_pct_ms, Reading::Value(60_000 * 50));
    assert_eq!(segment.memory_max_mib, Reading::Value(20_000));
    assert_eq!(segment.process_count, Reading::Value(1));
    assert_eq!((segment.samples_got, segment.samples_expected), (60, 60));
    assert!(segment.simulated);
}

#[test]
fn a_job_of_three_seconds_has_a_segment_that_holds_all_of_it() {
    let mut integrator = integrator();
    let before = (0..5).map(|second| empty(second * 1_000));
    let during = (5..8).map(|second| busy(second * 1_000));
    let after = (8..10).map(|second| empty(second * 1_000));
    let closed = run(&mut integrator, before.chain(during).chain(after));
    let [idle, job] = closed.try_into().expect("the idle time and the job");
    assert_eq!(idle.process_count, Reading::Value(0));
    assert_eq!((job.started_at, job.ended_at), (at(4_000).wall, at(8_000).wall));
    assert_eq!(job.process_count, Reading::Value(1), "not the look that found it empty");
    assert_eq!(job.memory_max_mib, Reading::Value(20_000));
    let rest = integrator.finish().unwrap();
    assert_eq!(rest.process_count, Reading::Value(0));
    assert_eq!(rest.started_at, job.ended_at);
}

#[test]
fn a_missing_counter_is_absent_with_its_reason_and_never_zero() {
    let mut integrator = integrator();
    let blind = (0..=60).map(|second| Sample {
        energy_mj: Reading::Unsupported,
        utilization_pct: Reading::NoPermission,
        process_count: Some(Reading::NoPermission),
        ..busy(second * 1_000)
    });
    let [segment] = run(&mut integrator, blind).try_into().expect("one segment");
    assert_eq!(segment.energy_mj, Reading::Unsupported);
    assert_eq!(segment.utilization_pct_ms, Reading::NoPermission);
    assert_eq!(segment.process_count, Reading::NoPermission);
    assert_eq!(segment.memory_max_mib, Reading::Value(20_000));
}

#[test]
fn a_figure_needs_nine_tenths_of_the_time() {
    let with_misses = |misses: i64| {
        let mut integrator = integrator();
        let samples = (0..=60).map(|second| match second {
            1.. if second <= misses => {
                Sample { utilization_pct: Reading::Stale, ..busy(second * 1_000) }
            }
            _ => busy(second * 1_000),
        });
        run(&mut integrator, samples).remove(0).utilization_pct_ms
    };
    assert_eq!(with_misses(6), Reading::Value(54_000 * 50));
    assert_eq!(with_misses(7), Reading::Stale);
}

#[test]
fn a_lost_gpu_gives_segments_that_say_so() {
    let mut integrator = integrator();
    let lost = (0..=60).map(|s| Sample::without_values(at(s * 1_000), Reading::GpuLost));
    let [segment] = run(&mut integrator, lost).try_into().expect("one segment");
    assert_eq!(segment.energy_mj, Reading::GpuLost);
    assert_eq!((segment.samples_got, segment.samples_expected), (0, 60));
}

#[test]
fn a_counter_that_starts_anew_counts_from_zero_and_is_told() {
    let mut integrator = integrator();
    integrator.take(&busy(0));
    let step = integrator.take(&Sample { energy_mj: Reading::Value(120), ..busy(1_000) });
    assert_eq!((step.energy_mj, step.counter_was_reset), (Some(120), true));
    let step = integrator.take(&Sample { energy_mj: Reading::Value(420), ..busy(2_000) });
    assert_eq!((step.energy_mj, step.counter_was_reset), (Some(300), false));
}

#[test]
fn a_counter_that_misses_one_reading_loses_no_energy() {
    let mut integrator = integrator();
    let samples = (0..=60).map(|second| match second {
        30 => Sample { energy_mj: Reading::Stale, ..busy(30_000) },
        _ => busy(second * 1_000),
    });
    let [segment] = run(&mut integrator, samples).try_into().expect("one segment");
    assert_eq!(segment.energy_mj, Reading::Value(60_000 * 300));
}

#[test]
fn a_time_without_samples_is_a_segment_of_its_own_with_energy_only() {
    let mut integrator = integrator();
    let closed = run(&mut integrator, [0, 1_000, 2_000, 22_000, 23_000].map(busy));
    let [before, gap] = closed.try_into().expect("before the gap, and the gap");
    assert_eq!((before.duration_ms, before.samples_got), (2_000, 2));
    assert_eq!((gap.started_at, gap.ended_at), (at(2_000).wall, at(22_000).wall));
    assert_eq!(gap.energy_mj, Reading::Value(20_000 * 300), "the counter ran on");
    assert_eq!(gap.utilization_pct_ms, Reading::Stale);
    assert_eq!(gap.memory_max_mib, Reading::Stale);
    assert_eq!(gap.process_count, Reading::Stale);
    assert_eq!((gap.samples_got, gap.samples_expected), (0, 20));
}

#[test]
fn one_late_sample_is_missed_and_no_gap() {
    let mut integrator = integrator();
    integrator.take(&busy(0));
    let step = integrator.take(&busy(2_000));
    assert_eq!((step.missed, step.closed.len()), (1, 0));
}

#[test]
fn a_stepped_wall_clock_moves_segments_and_stretches_none() {
    let mut integrator = integrator();
    let step_back = TimeDelta::seconds(30);
    let samples = (0..=100).map(|second| {
        let mut sample = busy(second * 1_000);
        if second > 20 {
            sample.at.wall -= step_back;
        }
        sample
    });
    let mut segments = run(&mut integrator, samples);
    segments.extend(integrator.finish());
    let total_ms: u64 = segments.iter().map(|segment| segment.duration_ms).sum();
    assert_eq!(total_ms, 100_000);
    for segment in segments {
        let span = (segment.ended_at - segment.started_at).num_milliseconds();
        assert_eq!(span, i64::try_from(segment.duration_ms).unwrap());
    }
}

#[test]
fn unlooked_processes_keep_their_last_count() {
    let mut integrator = integrator();
    let samples = (0..=60).map(|second| Sample {
        process_count: (second % 10 == 0).then_some(Reading::Value(2)),
        ..busy(second * 1_000)
    });
    let [segment] = run(&mut integrator, samples).try_into().expect("one segment");
    assert_eq!(segment.process_count, Reading::Value(2));
}
